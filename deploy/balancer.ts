import { connect, createServer, type Socket } from "node:net";

/** A TCP balancer for `npm run cluster`: connections go to the nodes in turn; missing nodes are skipped. */
export interface Balancer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts it on a port of this machine; 0 takes any free one. */
export async function startBalancer(port: number, nodes: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    keep(client);
    client.on("error", () => client.destroy());
    forward(client, nodes.length);
  });
  const forward = (client: Socket, tries: number): void => {
    if (tries === 0 || client.destroyed) return void client.destroy();
    const node = connect({ port: nodes[turn++ % nodes.length]!, host: "127.0.0.1", noDelay: true });
    keep(node);
    let connected = false;
    node.on("connect", () => {
      connected = true;
      client.pipe(node).pipe(client);
      client.on("close", () => node.destroy());
    });
    // A killed node ends its connections; one that never replied is skipped.
    node.on("error", () => (connected ? client.destroy() : forward(client, tries - 1)));
    node.on("close", () => connected && client.destroy());
  };
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The balancer has no port.");
  return {
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
