import { connect, createServer, type Socket } from "node:net";

/** How often a slow line passes bytes on, in milliseconds. */
const SLICE_MS = 50;

/** Bytes that wait on the line before it reads no more from the server, as the buffers of a modem. */
const MAX_WAITING_BYTES = 4 * 1024;

/** A line to a server that passes on so many bytes a second towards the client. */
export class SlowLine implements AsyncDisposable {
  private readonly server = createServer({ noDelay: true });
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<ReturnType<typeof setInterval>>();

  private constructor(
    private readonly target: number,
    private readonly bytesPerSecond: number,
  ) {
    this.server.on("connection", (near) => this.accept(near));
  }

  static async open(target: number, bytesPerSecond: number): Promise<SlowLine> {
    const line = new SlowLine(target, bytesPerSecond);
    await new Promise<void>((resolve) => line.server.listen(0, "127.0.0.1", resolve));
    return line;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("The line has no port.");
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(near: Socket): void {
    const far = connect({ port: this.target, host: "127.0.0.1", noDelay: true });
    let waiting = Buffer.alloc(0);
    const timer = setInterval(() => {
      const slice = waiting.subarray(0, Math.ceil((this.bytesPerSecond * SLICE_MS) / 1000));
      waiting = waiting.subarray(slice.length);
      if (slice.length > 0) near.write(slice);
      if (waiting.length < MAX_WAITING_BYTES) far.resume();
    }, SLICE_MS);
    this.timers.add(timer);
    far.on("data", (data: Buffer) => {
      waiting = Buffer.concat([waiting, data]);
      if (waiting.length >= MAX_WAITING_BYTES) far.pause();
    });
    near.on("data", (data) => far.write(data));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        clearInterval(timer);
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
