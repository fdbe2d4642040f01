import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Forwards TCP to a server, and can cut each connection. Connections are numbered in the order in which they were
 * opened.
 */
export class CuttingProxy implements Disposable {
  private readonly connections = new Map<number, readonly [Socket, Socket]>();
  private openedCount = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    target: number,
    onOpen: (line: number) => void,
  ) {
    server.on("connection", (near) => {
      const index = this.openedCount++;
      const far = connect({ port: target, host: "127.0.0.1", noDelay: true });
      this.connections.set(index, [near, far]);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on("data", (data) => to.write(data));
        from.on("close", () => {
          to.destroy();
          this.connections.delete(index);
        });
        // A reset is expected here; "close" follows.
        from.on("error", () => {});
      }
      onOpen(index);
    });
  }

  /** `opened` is called with the number of each new connection. */
  static async start(target: number, onOpen: (line: number) => void): Promise<CuttingProxy> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy was given no port");
    return new CuttingProxy(server, address.port, target, onOpen);
  }

  /** Both ends get a reset, and data under way is lost. Returns false when the connection was gone already. */
  cut(index: number): boolean {
    const ends = this.connections.get(index);
    for (const end of ends ?? []) end.resetAndDestroy();
    return ends !== undefined;
  }

  [Symbol.dispose](): void {
    for (const index of this.connections.keys()) this.cut(index);
    this.server.close();
  }
}
