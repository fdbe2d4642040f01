import { connect, createServer, type Server, type Socket } from "node:net";

/** What can happen to a line. Of all but `delay`, a client must find out by itself or by the connection's end. */
export type ConnectionFault = "reset" | "half-open" | "stall" | "delay";

/**
 * A TCP proxy in front of a server that can do to each line what a bad network does. It stays at one address while the
 * server behind it is killed and comes back on another port.
 */
export class FaultProxy implements AsyncDisposable {
  /** Port of the server behind it, asked for each line anew; undefined while there is none, and then lines are refused. */
  target: number | undefined | (() => number | undefined);
  readonly connections = new Set<ProxiedConnection>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {
    server.on("connection", (near) => {
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
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** One client's connection: the socket towards it, and the one towards the server. */
export class ProxiedConnection {
  /** Whether what is sent on it arrives, be it late. */
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

  /** Does `fault` to the line; `duration` in milliseconds is how long a stall lasts, or a delay is. */
  inject(fault: ConnectionFault, duration: number): void {
    if (fault !== "delay") this.healthy = false;
    if (fault === "reset") this.reset();
    else if (fault === "half-open") this.blackholed = true;
    else if (fault === "delay") this.delay = Math.max(this.delay, duration);
    else this.stall(duration);
  }

  /** Both ends learn at once that the line is gone, and what was under way is lost. */
  reset(): void {
    this.near.resetAndDestroy();
    this.far.resetAndDestroy();
    this.onClosed();
  }

  /** Nothing moves for a while; what was sent meanwhile arrives late, perhaps after its sender has given up. */
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
    // A reset is one of the ways in which a line ends; "close" follows.
    from.on("error", () => {});
  }

  /** Timers of one delay fire in the order in which they were set, and a delay only grows: a line keeps its order. */
  private forward(onward: () => void): void {
    // A half-open line: either end believes in it, and neither hears of the other again.
    if (this.blackholed) return;
    if (this.delay === 0) onward();
    else setTimeout(() => this.blackholed || onward(), this.delay);
  }
}
