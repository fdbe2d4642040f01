import { ParleyFolder, type Running } from "./parley-folder.ts";

/** Nodes that share a Redis, each the real command line as a process of its own; gone at the end of the test. */
export class NodeProcesses implements AsyncDisposable {
  private readonly folders: readonly ParleyFolder[];
  private readonly servers: (Running | undefined)[];

  private constructor(
    count: number,
    private readonly env: (node: number) => Record<string, string>,
  ) {
    this.folders = Array.from({ length: count }, () => new ParleyFolder());
    this.servers = this.folders.map(() => undefined);
  }

  /** Starts `count` of them; `env` is the environment of each. */
  static async start(count: number, env: (node: number) => Record<string, string>): Promise<NodeProcesses> {
    const nodes = new NodeProcesses(count, env);
    try {
      await Promise.all(nodes.folders.map((_, node) => nodes.start(node)));
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
    return nodes;
  }

  /** Those that were started and not ended, by their number. */
  get running(): ReadonlyMap<number, Running> {
    return new Map(this.servers.flatMap((server, node) => (server === undefined ? [] : [[node, server]])));
  }

  /** Address of a running node. */
  url(node: number): string {
    const server = this.servers[node];
    if (server === undefined) throw new Error(`node ${node} does not stand`);
    return server.url;
  }

  /**
   * The number of the node that carries out a shared task now. `lease` returns the value of its key in Redis, and `key` is an API key
   * that may manage.
   */
  async carrying(lease: () => Promise<string | null>, key: string): Promise<number> {
    const id = await lease();
    const [[, some] = []] = this.running;
    const answer = await fetch(`${some!.url}/nodes`, { headers: { Authorization: `Bearer ${key}` } });
    const { nodes } = (await answer.json()) as { nodes: { node: string; url: string }[] };
    const url = nodes.find(({ node }) => node === id)?.url;
    const found = [...this.running].find(([, running]) => running.url === url);
    if (found === undefined) throw new Error("no node that runs has the lease");
    return found[0];
  }

  /** Restarts a node that was ended. */
  async start(node: number): Promise<void> {
    this.servers[node] = await this.folders[node]!.serve([], this.env(node));
  }

  /** Ends one by a signal, and resolves when it is gone. */
  async stop(node: number, signal: "SIGKILL" | "SIGTERM"): Promise<Running["process"]> {
    const { process } = this.servers[node]!;
    this.servers[node] = undefined;
    process.kill(signal);
    await process.exited;
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.folders.map((folder) => folder[Symbol.asyncDispose]()));
  }
}
