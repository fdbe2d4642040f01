import { ParleyFolder, type Running } from "../../cli/parley.ts";
import { Random } from "../../support/random.ts";
import type { FaultProxy } from "../fault-proxy.ts";
import { environment, type Stage, type StageOptions } from "../stage.ts";
import { type FaultyStore, STORE_FAULTS, type StoreFaultName } from "./store.ts";

export interface ManyNodesOptions extends StageOptions {
  readonly nodes: number;
  readonly fault: StoreFaultName;
}

/** Short, so that a run sees leases end; long enough for a machine that is busy with much else. */
const LEASE_SECONDS = 3;

/** Milliseconds after which a node that was killed comes back: at once, or when the others have noticed. */
const GONE = [0, 5_000] as const;

/** How long clients go on talking when everything stands again, in milliseconds. */
const AFTERWARDS = 1_500;

interface Node {
  readonly folder: ParleyFolder;
  /** Undefined while it is gone. */
  server: Running | undefined;
}

/** Several nodes on one Redis; whoever comes through the proxy is given any of them, as by a balancer. */
export class ManyNodes implements Stage {
  kills = 0;
  drains = 0;
  strikes = 0;
  readonly crashes: string[] = [];
  private readonly openedAt = performance.now();
  /** What is done to the nodes, one thing after the other, so that there is always a node that stands. */
  private work: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: ManyNodesOptions,
    private readonly store: FaultyStore,
    private readonly nodes: readonly Node[],
    private readonly random: Random,
    private readonly balance: Random,
  ) {}

  static async open(options: ManyNodesOptions, proxy: FaultProxy, random: Random): Promise<ManyNodes> {
    // Which node a client is given depends on when it comes: that must not change what else the seed decides.
    const balance = new Random(random.between(0, 2 ** 31));
    const store = await STORE_FAULTS[options.fault].open(options.nodes);
    const nodes = Array.from(
      { length: options.nodes },
      (): Node => ({ folder: new ParleyFolder(), server: undefined }),
    );
    const stage = new ManyNodes(options, store, nodes, random, balance);
    try {
      await Promise.all(nodes.map((_, index) => stage.start(index)));
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    proxy.target = () => portOf(balance.pick(stage.standing()));
    return stage;
  }

  get url(): string {
    return this.balance.pick(this.standing()).url;
  }

  get storesLost(): number {
    return STORE_FAULTS[this.options.fault].loses ? this.strikes : 0;
  }

  get partsMayDiffer(): boolean {
    const { loses, parts } = STORE_FAULTS[this.options.fault];
    return loses && parts && this.strikes > 0;
  }

  elapsed(): number {
    return performance.now() - this.openedAt;
  }

  kill(): Promise<void> {
    return this.inTurn(async () => {
      this.kills++;
      const index = this.random.between(0, this.nodes.length - 1);
      const { signalCode, exitCode } = await this.end(index, "SIGKILL");
      if (signalCode !== "SIGKILL") this.crashes.push(`a node ended with ${exitCode} before it was killed`);
      await Bun.sleep(this.random.between(...GONE));
      await this.start(index);
    });
  }

  drain(): Promise<void> {
    return this.inTurn(async () => {
      this.drains++;
      const index = this.random.between(0, this.nodes.length - 1);
      const { exitCode } = await this.end(index, "SIGTERM");
      if (exitCode !== 0) this.crashes.push(`a node ended with ${exitCode} at SIGTERM`);
      await this.start(index);
    });
  }

  /** Does to the store what this run is about. */
  strike(): Promise<void> {
    return this.inTurn(async () => {
      this.strikes++;
      await this.store.strike?.(this.random);
    });
  }

  async calm(): Promise<void> {
    await this.work;
    // What was said after the last of it has to arrive too.
    await Bun.sleep(AFTERWARDS);
    for (const { server } of this.nodes)
      if (server !== undefined && server.process.exitCode !== null)
        this.crashes.push(
          `a node ended by itself with ${server.process.exitCode}: ${server.output().stderr.slice(-500)}`,
        );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.work;
    for (const { folder } of this.nodes) await folder[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** Returns at once: others go on while one is away. */
  private async inTurn(work: () => Promise<void>): Promise<void> {
    this.work = this.work.then(work).catch((error) => {
      this.crashes.push(`the stage broke: ${error}`);
    });
  }

  private async start(index: number): Promise<void> {
    const node = this.nodes[index]!;
    node.server = await node.folder.serve(this.options.programArguments, {
      ...environment(this.options),
      REDIS_URL: this.store.urlFor(index),
      NODE_LEASE: String(LEASE_SECONDS),
    });
  }

  private async end(index: number, signal: "SIGKILL" | "SIGTERM"): Promise<Running["process"]> {
    const node = this.nodes[index]!;
    const { process } = node.server!;
    node.server = undefined;
    process.kill(signal);
    await process.exited;
    return process;
  }

  private standing(): Running[] {
    return this.nodes.flatMap(({ server }) => (server === undefined ? [] : [server]));
  }
}

function portOf({ url }: Running): number {
  return Number(new URL(url).port);
}
