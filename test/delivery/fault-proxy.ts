import { connect, createServer, type Server, type Socket } from "node:net";

/** What can happen to a connection. A client must detect all but `delay` itself, or by the end of the connection. */
export type ConnectionFault = "reset" | "half-open" | "stall" | "delay";

/**
 * A TCP proxy in front of a server that can do to each connection what a bad network does. Its address stays the same
 * while the server behind it is killed and restarted on another port.
 */
export class FaultProxy implements AsyncDisposable {
  /**
   * Port of the server behind it, read for each new connection; undefined while there is none, and connections are
   * refused then.
   */
  target: number | undefined | (() => number | undefined);
  readonly connections = new Set<ProxiedConnection>();
  private readonly clients = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {
    server.on("connection", (near) => {
      this.clients.add(near);
      near.on("close", () => this.clients.delete(near));
      const port = typeof this.target === "function" ? this.target() : this.target;
      if (port === undefined) return void near.destroy();
      const connection = new ProxiedConnection(
        near,
        connect({ port, host: "127.0.0.1", noDelay: true }),
        () => this.connections.delete(connection),
      );
      this.connections.add(connection);
    });
  }

  static async start(): Promise<FaultProxy> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has no port.");
    return new FaultProxy(server, address.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of this.connections) line.reset();
    // A browser keeps a connection that has ended for its server already.
    for (const client of this.clients) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** One client's connection: the socket towards it, and the one towards the server. */
export class ProxiedConnection {
  /** Whether data sent on it arrives, perhaps late. */
  healthy = true;
  private blackholed = false;
  private delay = 0;

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    private readonly onClosed: () => void,
  ) {
    this.pipe(near, far);
    this.pipe(far, near);
  }

  /** Injects `fault` into the connection; `duration` is the length of a stall or delay in milliseconds. */
  inject(fault: ConnectionFault, duration: number): void {
    if (fault !== "delay") this.healthy = false;
    if (fault === "reset") this.reset();
    else if (fault === "half-open") this.blackholed = true;
    else if (fault === "delay") this.delay = Math.max(this.delay, duration);
    else this.stall(duration);
  }

  /** Both ends learn at once that the connection is gone, and data under way is lost. */
  reset(): void {
    this.near.resetAndDestroy();
    this.far.resetAndDestroy();
    this.onClosed();
  }

  /** No data moves for a while; data sent meanwhile arrives late, perhaps after its sender has given up. */
  private stall(duration: number): void {
    for (const socket of [this.near, this.far]) socket.pause();
    setTimeout(() => {
      for (const socket of [this.near, this.far]) socket.resume();
    }, duration);
  }

  private pipe(from: Socket, to: Socket): void {
    from.on("data", (data) => this.forward(() => void to.write(data)));
    from.on("close", () =>
      this.forward(() => {
        to.end();
        this.onClosed();
      }),
    );
    // A reset is one of the ways in which a connection ends; "close" follows.
    from.on("error", () => {});
  }

  /**
   * Timers of one delay fire in the order in which they were set, and a delay only grows: the order of bytes is kept.
   */
  private forward(onward: () => void): void {
    // A half-open connection: both ends believe in it, and neither receives from the other again.
    if (this.blackholed) return;
    if (this.delay === 0) onward();
    else setTimeout(() => this.blackholed || onward(), this.delay);
  }
}
