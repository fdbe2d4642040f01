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
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time?: Clock;
}

/** A part of a node that stores state under the node's incarnation. */
export interface LeasedResource {
  /**
   * Stores the whole state again, because it may be lost or a new incarnation has begun. Resolves when that is done, or when it
   * is not possible now. MUST NOT reject.
   */
  reassert(): Promise<void>;
  /** Removes the state of an expired incarnation. Other nodes may do the same at the same time. */
  sweep(incarnation: string): Promise<void>;
  /** Whether there is state under `incarnation` that `sweep` of other nodes must remove. */
  hasLeftovers(incarnation: string): Promise<boolean>;
}

/** The number of its own incarnations that a node remembers. */
const MAX_KNOWN_INCARNATIONS = 16;

type NodeCommand = "look" | "begin" | "renew" | "end" | "forget";

const script = new Script("presence/node-leases");

/** The nodes of a store. Keeps the lease of this node, and sweeps expired ones. */
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
  /** When `nodes` was read, in the time of Redis. */
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
   * Returns all nodes of a store, including expired ones that were not removed yet, and the store's time. For programs that are
   * not nodes.
   */
  static async read(client: RedisClient): Promise<{ nodes: readonly NodeEntry[]; now: number }> {
    const { nodes, now } = decodeReply(
      await client.run(script, [client.keys.globalKey("nodes")], ["look", "", 0, "", ""]),
    );
    return { nodes: nodes.filter(({ stopped }) => !stopped), now };
  }

  /** The name under which this node stores its state, so that other nodes can remove it when this node has expired. */
  get incarnation(): string {
    return this.currentIncarnation;
  }

  /** Whether `incarnation` is this node's, or was. */
  isOwn(incarnation: string): boolean {
    return this.incarnations.has(incarnation);
  }

  /** The earlier incarnations of this node. */
  get pastIncarnations(): readonly string[] {
    return [...this.incarnations].filter((incarnation) => incarnation !== this.currentIncarnation);
  }

  /** Converts a time of this node's clock to the time of Redis, which all nodes share. */
  toStoreTime(time: number): number {
    return Math.round(time + this.clockOffset);
  }

  /** The time of this node's clock from which nodes that are missing in Redis count as expired; before it, they may still register. */
  get trustedFrom(): number {
    return this.trusted;
  }

  /** Registers this node. Rejects when Redis does not reply. */
  async start(): Promise<void> {
    const { now } = await this.run("look");
    this.startedAt = now;
    await this.run("begin");
    this.stops.push(
      this.clock.every(this.leaseMs / RENEWALS_PER_LEASE, () => this.renew()),
      this.clock.every(SWEEP_INTERVAL_MS, () => this.sweep()),
    );
  }

  /** After Redis was unavailable: renews the lease or begins a new incarnation, and has all resources store their state again. */
  async reassert(): Promise<void> {
    this.trusted = evictionAllowedFrom(this.clock.now(), this.leaseMs);
    await this.renewing;
    if (this.closed) return;
    await this.tryToRenew();
    await this.reassertAll();
  }

  /** Announces that clients can connect to this node from now on. */
  serving(facts: NodeFacts): void {
    this.facts = facts;
    this.renew();
  }

  /** Adds a resource, which is called when it must store its state again or sweep another node's. */
  add(resource: LeasedResource): void {
    this.resources.add(resource);
  }

  /** Returns those of `incarnations` that have expired; none if that is not known now. */
  async expiredOf(incarnations: Iterable<string>): Promise<string[]> {
    const doubtful = [...new Set(incarnations)].filter(
      (incarnation) => !this.isOwn(incarnation) && !this.isKnown(incarnation),
    );
    if (doubtful.length === 0) return [];
    await this.run("look");
    // Until this node has recovered, `trusted` may be from before Redis was unavailable.
    if (!this.client.ready || this.clock.now() < this.trusted) return [];
    return doubtful.filter((incarnation) => !this.isKnown(incarnation));
  }

  /** Stops. If there is state under this incarnation, leaves the lease to expire, after which other nodes sweep that state. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.stops) stop();
    try {
      const leftovers = await Promise.all(
        [...this.resources].map((resource) => resource.hasLeftovers(this.currentIncarnation)),
      );
      await this.run(leftovers.includes(true) ? "renew" : "end");
    } catch {
      // The lease expires anyway.
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
        // The next renewal tries again. The client logs that Redis is unavailable.
        () => {},
      )
      .finally(() => {
        this.renewing = undefined;
      });
  }

  /** Renews the lease, or begins a new incarnation if it has expired. Returns whether one has begun. */
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
        // While Redis is unavailable, the client logs that, and a second line is not needed.
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
      // `done` is true on one node only, so only one logs the expired node.
      const { done } = await this.run("forget", incarnation);
      const isBack = this.nodes.some((node) => node.id === id && node.until > this.seenAt);
      if (done && !stopped && !isBack) this.emit("node.expired", { node: id });
    }
  }

  private newIncarnation(): string {
    const incarnation = `${this.client.node}~${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`;
    this.incarnations.add(incarnation);
    // The state of the oldest incarnation was removed long ago.
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
 * Returns how far the clock of Redis is ahead, if it was `now` (whole milliseconds) at some moment between `asked` and `answered`
 * of this node's clock. 0 if both clocks may be equal, so that times which nodes send to each other are exact then.
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
