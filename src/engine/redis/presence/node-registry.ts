import type { Emit } from "../../../core/events/events.ts";
import {
  evictionAllowedFrom,
  expiredNodes,
  type NodeEntry,
  type NodeFacts,
  RENEWALS_PER_LEASE,
  SWEEP_INTERVAL_MS,
} from "../../../core/nodes.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

export interface NodeRegistryDeps {
  readonly client: RedisClient;
  /** How long a node that does not renew its lease counts as alive, in milliseconds. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The store's time, for tests; its own where it is missing. */
  readonly time?: Clock;
}

/** Keeps something in the store under a node's incarnation. */
export interface LeasedResource {
  /**
   * What this node has stored may be gone, or a new incarnation has begun: all of it is to be stored again. Resolves when
   * that is done, or has to wait. MUST NOT reject.
   */
  reassert(): Promise<void>;
  /** A node is gone: what it stored under its incarnation is to be removed. Other nodes may do the same at the same time. */
  sweep(incarnation: string): Promise<void>;
  /** Whether anything is stored under `incarnation` that may be left for `sweep`. */
  hasLeftovers(incarnation: string): Promise<boolean>;
}

/** How many of its own incarnations a node remembers. */
const MAX_KNOWN_INCARNATIONS = 16;

type NodeCommand = "look" | "begin" | "renew" | "end" | "forget";

const script = new Script("presence/node-leases");

/** The nodes of one store: keeps this one's lease, and sweeps those that are gone. */
export class NodeRegistry {
  private readonly client: RedisClient;
  private readonly leaseMs: number;
  private readonly clock: Clock;
  private readonly emit: Emit;
  private readonly time: Clock | undefined;
  private readonly resources = new Set<LeasedResource>();
  private readonly incarnations = new Set<string>();
  private readonly stops: (() => void)[] = [];
  private currentIncarnation: string;
  private facts: NodeFacts | undefined;
  private nodes: readonly NodeEntry[] = [];
  /** When the store gave `nodes`, in its own time. */
  private seenAt = 0;
  /** How far the store's clock is ahead of this node's, in milliseconds. */
  private clockOffset = 0;
  private startedAt = 0;
  private lag = 0;
  private trusted = Number.NEGATIVE_INFINITY;
  private renewing: Promise<void> | undefined;
  private sweeping = false;
  private closed = false;

  constructor({ client, leaseMs, clock, emit, time }: NodeRegistryDeps) {
    this.client = client;
    this.leaseMs = leaseMs;
    this.clock = clock;
    this.emit = emit;
    this.time = time;
    this.currentIncarnation = this.newIncarnation();
  }

  /**
   * All nodes of a store, also those whose lease has run out and that were not removed yet, and the store's time; for a
   * program that is no node.
   */
  static async read(client: RedisClient): Promise<{ nodes: readonly NodeEntry[]; now: number }> {
    const { nodes, now } = decodeReply(
      await client.run(script, [client.keys.globalKey("nodes")], ["look", "", 0, "", ""]),
    );
    return { nodes: nodes.filter(({ stopped }) => !stopped), now };
  }

  /** The name under which this node stores what others are to remove when it is gone. */
  get incarnation(): string {
    return this.currentIncarnation;
  }

  /** Whether `incarnation` is this node's, or was. */
  isOwn(incarnation: string): boolean {
    return this.incarnations.has(incarnation);
  }

  /** The names it had before. */
  get pastIncarnations(): readonly string[] {
    return [...this.incarnations].filter((incarnation) => incarnation !== this.currentIncarnation);
  }

  /** A time of this node's clock in the store's, which all nodes share. */
  toStoreTime(time: number): number {
    return Math.round(time + this.clockOffset);
  }

  /** From when on (of the clock given) what is missing in the store is missing, and not only not put back yet. */
  get trustedFrom(): number {
    return this.trusted;
  }

  /** Joins the others. Rejects when the store does not answer. */
  async start(): Promise<void> {
    const { now } = await this.run("look");
    this.startedAt = now;
    await this.run("begin");
    this.stops.push(
      this.clock.every(this.leaseMs / RENEWALS_PER_LEASE, () => this.renew()),
      this.clock.every(SWEEP_INTERVAL_MS, () => this.sweep()),
    );
  }

  /** After the store was away: renews the lease, or begins a new incarnation, and has everything stored again. */
  async reassert(): Promise<void> {
    this.trusted = evictionAllowedFrom(this.clock.now(), this.leaseMs);
    await this.renewing;
    if (this.closed) return;
    await this.tryToRenew();
    await this.reassertAll();
  }

  /** Clients can connect to this node from now on. */
  serving(facts: NodeFacts): void {
    this.facts = facts;
    this.renew();
  }

  /** Calls `resource` from now on when it has to store its state again, and when it has to sweep. */
  add(resource: LeasedResource): void {
    this.resources.add(resource);
  }

  /** Which of `incarnations` are gone for good. None where that is not known now. */
  async expiredOf(incarnations: Iterable<string>): Promise<string[]> {
    const doubtful = [...new Set(incarnations)].filter(
      (incarnation) => !this.isOwn(incarnation) && !this.isKnown(incarnation),
    );
    if (doubtful.length === 0) return [];
    await this.run("look");
    // Until this node has recovered, `trusted` may be that of before the store was away.
    if (!this.client.ready || this.clock.now() < this.trusted) return [];
    return doubtful.filter((incarnation) => !this.isKnown(incarnation));
  }

  /** Stops. Where anything is left under this incarnation, its lease runs out, and other nodes sweep it then. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.stops) stop();
    try {
      const leftovers = await Promise.all(
        [...this.resources].map((resource) => resource.hasLeftovers(this.currentIncarnation)),
      );
      await this.run(leftovers.includes(true) ? "renew" : "end");
    } catch {
      // The lease runs out all the same.
    }
  }

  private isKnown(incarnation: string): boolean {
    return this.nodes.some((node) => node.incarnation === incarnation && node.until > this.seenAt);
  }

  private renew(): void {
    if (this.renewing !== undefined || this.closed) return;
    this.renewing = this.tryToRenew()
      .then(
        (isNew) => {
          // Not awaited, or the lease would not be renewed meanwhile.
          if (isNew) void this.reassertAll();
        },
        // It is tried again in a moment; the client logs that the store is away.
        () => {},
      )
      .finally(() => {
        this.renewing = undefined;
      });
  }

  /** Returns whether a new incarnation has begun. */
  private async tryToRenew(): Promise<boolean> {
    const asked = performance.now();
    const { done } = await this.run("renew");
    this.lag = performance.now() - asked;
    if (!done) await this.beginIncarnation();
    return !done;
  }

  private async reassertAll(): Promise<void> {
    await Promise.all([...this.resources].map((resource) => resource.reassert()));
  }

  private async beginIncarnation(): Promise<void> {
    const incarnation = this.newIncarnation();
    await this.run("begin", incarnation);
    this.currentIncarnation = incarnation;
    this.emit("node.lease_lost", {
      node: this.client.node,
      advice: "This node could not renew its lease in time. It registers its users again.",
    });
  }

  private sweep(): void {
    if (this.sweeping || this.closed || !this.client.ready) return;
    this.sweeping = true;
    this.tryToSweep()
      .catch((error) => {
        // While the store is away the client logs that, which is enough.
        if (this.client.ready) this.emit("node.sweep_failed", { error: String(error) });
      })
      .finally(() => {
        this.sweeping = false;
      });
  }

  private async tryToSweep(): Promise<void> {
    await this.run("look");
    if (this.clock.now() < this.trusted) return;
    for (const { id, incarnation, stopped } of expiredNodes(this.nodes, this.seenAt)) {
      for (const resource of this.resources) await resource.sweep(incarnation);
      // Only one of the survivors says so.
      const { done } = await this.run("forget", incarnation);
      const isBack = this.nodes.some((node) => node.id === id && node.until > this.seenAt);
      if (done && !stopped && !isBack) this.emit("node.expired", { node: id });
    }
  }

  private newIncarnation(): string {
    const incarnation = `${this.client.node}~${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`;
    this.incarnations.add(incarnation);
    // What was stored under an older one was removed long ago.
    const [oldest] = this.incarnations;
    if (this.incarnations.size > MAX_KNOWN_INCARNATIONS && oldest !== undefined)
      this.incarnations.delete(oldest);
    return incarnation;
  }

  private async run(
    command: NodeCommand,
    incarnation = this.currentIncarnation,
  ): Promise<{ done: boolean; now: number }> {
    const { facts, startedAt } = this;
    const entry = {
      id: this.client.node,
      url: facts?.url ?? "",
      version: facts?.version ?? "",
      startedAt,
      connections: facts?.connections() ?? 0,
      lag: Math.round(this.lag * 10) / 10,
      ...(this.closed && { stopped: true }),
    };
    const keys = [this.client.keys.globalKey("nodes")];
    const now = this.time?.now() ?? "";
    const arguments_ = [command, incarnation, this.leaseMs, JSON.stringify(entry), now];
    const asked = this.clock.now();
    const answer = decodeReply(await this.client.run(script, keys, arguments_));
    this.nodes = answer.nodes;
    this.seenAt = answer.now;
    this.clockOffset = clockOffsetOf(answer.now, asked, this.clock.now());
    return answer;
  }
}

/**
 * How far a clock is ahead that showed `now` (whole milliseconds) at some moment between `asked` and `answered` of this
 * node's: 0 where both may show the same, so that times which nodes send to each other are exact then.
 */
function clockOffsetOf(now: number, asked: number, answered: number): number {
  const [least, most] = [now - answered, now + 1 - asked];
  return least <= 0 && most >= 0 ? 0 : (least + most) / 2;
}

function decodeReply(reply: unknown): { done: boolean; now: number; nodes: NodeEntry[] } {
  const [done, now, ...rest] = reply as [number, string, ...string[]];
  const nodes: NodeEntry[] = [];
  for (let i = 0; i < rest.length; i += 2) {
    const entry = rest[i + 1]!;
    const space = entry.indexOf(" ");
    nodes.push({
      ...JSON.parse(entry.slice(space)),
      incarnation: rest[i]!,
      until: Number(entry.slice(0, space)),
    });
  }
  return { done: done === 1, now: Number(now), nodes };
}
