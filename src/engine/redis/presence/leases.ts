import { createHash } from "node:crypto";
import { LruMap } from "../../../core/collections/lru-map.ts";
import type { Emit } from "../../../core/events/events.ts";
import { replaceableFrom, replaces } from "../../../core/lease-rules.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { AcquireResult, ConnectionLeases, NamedConnection } from "../../../core/ports/leases.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { LeasedResource, NodeRegistry } from "./node-registry.ts";
import { Replacements } from "./replacements.ts";

export interface RedisLeasesDeps {
  readonly client: RedisClient;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** The expiry of a count after its last change, and the interval at which counts are settled, in milliseconds. */
const TTL_MS = 3 * 3_600_000;
const SETTLE_INTERVAL_MS = 3_600_000;

/** The interval at which failed writes are tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 1_000;

/** The number of remembered users without connections: after a failover that loses writes, Redis may count their connections again. */
const MAX_REMEMBERED = 10_000;

/** The possible error of the ages of two nodes' connections, in milliseconds: the time of a command to a busy Redis. */
const AGE_TOLERANCE_MS = 1_000;

/** The number of users that are settled at once. */
const SETTLE_BATCH_SIZE = 500;

/** A connection that names its client, as it is stored. `id` is unique on this node. */
interface NamedLease {
  readonly slot: string;
  readonly id: number;
  readonly connection: NamedConnection;
}

/** The lease of a named connection that is being acquired. */
interface PendingLease extends NamedLease {
  /** Whether it was replaced before the reply of Redis came. */
  isReplaced: boolean;
}

interface UserLeases {
  /** The number of the user's connections on this node that name no client, including those that are being acquired. */
  unnamed: number;
  /** The number of running acquisitions. Until Redis has replied, it is not known whether it counts them. */
  acquiring: number;
  /** The connections that name their client, by slot; undefined if there are none. */
  named?: Map<string, NamedLease>;
  /** The named connections that are being acquired; undefined if there are none. */
  pending?: Set<PendingLease>;
}

const script = new Script("presence/connection-leases");

/** The lease port for many nodes: each node stores the number of a user's connections on it; expired nodes do not count. */
export class RedisLeases implements ConnectionLeases, LeasedResource {
  private readonly client: RedisClient;
  private readonly nodes: NodeRegistry;
  private readonly emit: Emit;
  private readonly users = new Map<string, UserLeases>();
  /** Users for which the count in Redis may differ from the connections on this node. */
  private readonly unsettled = new Set<string>();
  private released = new LruMap<true>(MAX_REMEMBERED);
  private readonly replacements: Replacements;
  private readonly stops: readonly (() => void)[];
  private settling: Promise<void> | undefined;
  private lastId = 0;

  constructor({ client, nodes, clock, emit }: RedisLeasesDeps) {
    this.client = client;
    this.nodes = nodes;
    this.emit = emit;
    nodes.add(this);
    this.replacements = new Replacements(client, ({ user, slot, id }) => this.onReplaced(user, slot, id));
    this.stops = [
      clock.every(SETTLE_INTERVAL_MS, () => void this.reassert()),
      clock.every(RETRY_INTERVAL_MS, () => {
        void this.settle();
        this.replacements.retryUnsent();
      }),
    ];
  }

  /** Subscribes to replacements of this node's connections by those of other nodes. Called again after Redis was unavailable. */
  async start(): Promise<void> {
    await this.replacements.listen();
  }

  async acquire(user: string, limit: number, client?: NamedConnection): Promise<AcquireResult> {
    const holding = this.users.get(user) ?? { unnamed: 0, acquiring: 0 };
    this.users.set(user, holding);
    holding.acquiring++;
    if (client === undefined) holding.unnamed++;
    let taking: AcquireResult = "full";
    try {
      taking =
        client === undefined
          ? await this.requestLease(user, limit)
          : await this.acquireNamed(user, limit, holding, client);
    } catch (error) {
      // It is not known whether Redis counts the connection.
      this.unsettled.add(user);
      throw error;
    } finally {
      holding.acquiring--;
      if (client === undefined && taking !== "taken") holding.unnamed--;
      this.dropIfEmpty(user, holding);
    }
    return taking;
  }

  release(user: string, client?: NamedConnection): void {
    const holding = this.users.get(user);
    if (holding === undefined) return;
    const named = client && this.namedOf(holding, client);
    if (client === undefined) holding.unnamed--;
    else if (named === undefined) return;
    else holding.named?.delete(named.slot);
    this.dropIfEmpty(user, holding);
    if (this.unsettled.has(user)) return;
    this.run(user, "give", { named: named && [named] }).catch(() => this.unsettled.add(user));
  }

  async held(user: string): Promise<number> {
    const { commands, keys } = this.client;
    const [unnamed, named] = await Promise.all([
      commands.hgetall(keys.userKey(user, "connections")),
      commands.hvals(keys.userKey(user, "clients")),
    ]);
    const counts = Object.entries(unnamed).map(
      ([incarnation, count]) => [incarnation, Number(count)] as const,
    );
    for (const value of named) counts.push([value.slice(0, value.indexOf(" ")), 1]);
    const expired = new Set(await this.nodes.expiredOf(counts.map(([incarnation]) => incarnation)));
    return counts.reduce((sum, [of, count]) => (expired.has(of) ? sum : sum + count), 0);
  }

  async reassert(): Promise<void> {
    for (const user of this.users.keys()) this.unsettled.add(user);
    for (const user of this.released.keys()) this.unsettled.add(user);
    this.released = new LruMap(MAX_REMEMBERED);
    await this.settle();
  }

  /** Does nothing: counts of expired nodes are removed when they would refuse a connection, and they expire. */
  async sweep(): Promise<void> {}

  async hasLeftovers(): Promise<boolean> {
    return false;
  }

  /** Releases all leases of this node. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    this.replacements.close();
    await this.settling;
    const users = [...this.users.keys(), ...this.unsettled];
    this.users.clear();
    await Promise.all(users.map((user) => this.run(user, "settle"))).catch(() => {});
  }

  private async acquireNamed(
    user: string,
    limit: number,
    holding: UserLeases,
    connection: NamedConnection,
  ): Promise<AcquireResult> {
    const slot = digest(connection.slot);
    if (isOvertaken(holding, slot, connection)) return "replaced";
    const lease: PendingLease = { slot, id: ++this.lastId, connection, isReplaced: false };
    holding.pending ??= new Set();
    holding.pending.add(lease);
    try {
      const taking = await this.requestLease(user, limit, lease);
      if (taking !== "taken") return taking;
      const before = holding.named?.get(slot);
      holding.named ??= new Map();
      holding.named.delete(slot);
      if (!lease.isReplaced) holding.named.set(slot, { slot, id: lease.id, connection });
      before?.connection.onReplaced();
      return lease.isReplaced ? "replaced" : "taken";
    } finally {
      holding.pending.delete(lease);
      if (holding.pending.size === 0) delete holding.pending;
    }
  }

  private async requestLease(user: string, limit: number, named?: NamedLease): Promise<AcquireResult> {
    const one = named && [named];
    let [taken, ...rest] = await this.run(user, "take", { count: limit, named: one });
    if (taken === 0) {
      const expired = await this.nodes.expiredOf(rest as string[]);
      if (expired.length === 0) return "full";
      [taken, ...rest] = await this.run(user, "take", { count: limit, named: one, gone: expired });
    }
    if (taken !== 1) return taken === 2 ? "replaced" : "full";
    const [incarnation, id] = rest as string[];
    if (named === undefined || incarnation === undefined) return "taken";
    if (this.nodes.isOwn(incarnation)) this.onReplaced(user, named.slot, Number(id));
    else this.replacements.send(incarnation, { user, slot: named.slot, id: Number(id) });
    return "taken";
  }

  /** Called when a connection of this node was replaced. */
  private onReplaced(user: string, slot: string, id: number): void {
    const holding = this.users.get(user);
    for (const lease of holding?.pending ?? []) if (lease.id === id) lease.isReplaced = true;
    const named = holding?.named?.get(slot);
    if (holding === undefined || named?.id !== id) return;
    holding.named?.delete(slot);
    this.dropIfEmpty(user, holding);
    named.connection.onReplaced();
  }

  private namedOf(holding: UserLeases, connection: NamedConnection): NamedLease | undefined {
    const named = holding.named?.get(digest(connection.slot));
    return named?.connection === connection ? named : undefined;
  }

  private dropIfEmpty(user: string, holding: UserLeases): void {
    if (holding.named?.size === 0) holding.named = undefined;
    if (holding.unnamed > 0 || holding.acquiring > 0 || holding.named !== undefined) return;
    if (this.users.get(user) !== holding) return;
    this.users.delete(user);
    this.released.set(user, true);
  }

  private async settle(): Promise<void> {
    if (this.unsettled.size === 0 || !this.client.reachable) return;
    this.settling ??= this.tryToSettle()
      .catch((error) => {
        if (this.client.ready) this.emit("leases.sync_failed", { error: String(error) });
      })
      .finally(() => {
        this.settling = undefined;
      });
    await this.settling;
  }

  private async tryToSettle(): Promise<void> {
    // Settling finds earlier replacements; later ones are announced, once the subscription is active.
    await this.replacements.listening;
    // Redis carries out the commands for a user in the order in which they are sent, so later acquisitions are added to this count.
    const users = [...this.unsettled].filter((user) => (this.users.get(user)?.acquiring ?? 0) === 0);
    for (let i = 0; i < users.length; i += SETTLE_BATCH_SIZE) {
      await Promise.all(users.slice(i, i + SETTLE_BATCH_SIZE).map((user) => this.settleOne(user)));
    }
  }

  private async settleOne(user: string): Promise<void> {
    const holding = this.users.get(user);
    // An acquisition may have begun since the list was made.
    if ((holding?.acquiring ?? 0) > 0) return;
    this.unsettled.delete(user);
    try {
      const named = [...(holding?.named?.values() ?? [])];
      const [, ...replaced] = await this.run(user, "settle", { count: holding?.unnamed, named });
      for (const { slot, id } of named) if (replaced.includes(slot)) this.onReplaced(user, slot, id);
    } catch (error) {
      this.unsettled.add(user);
      throw error;
    }
  }

  private async run(
    user: string,
    operation: "take" | "give" | "settle",
    {
      count = 0,
      named = [],
      gone = [],
    }: {
      count?: number | undefined;
      named?: readonly NamedLease[] | undefined;
      gone?: readonly string[];
    } = {},
  ): Promise<unknown[]> {
    const { keys } = this.client;
    const { incarnation, pastIncarnations } = this.nodes;
    const ages = named.map(({ connection }) => Math.max(0, Math.round(connection.ageMs())));
    const clearsSlots = operation === "settle" || gone.length > 0;
    const arguments_ = [
      ...[
        operation,
        incarnation,
        count,
        TTL_MS,
        replaceableFrom(ages[0] ?? 0, AGE_TOLERANCE_MS),
        named.length,
        clearsSlots ? 1 : 0,
      ],
      ...named.flatMap(({ slot, id }, at) => [slot, id, ages[at]!]),
      // Until the connections are counted under the new incarnation, they count under the earlier one.
      ...(operation === "settle" ? pastIncarnations : []),
      ...gone,
    ];
    const both = [keys.userKey(user, "connections"), keys.userKey(user, "clients")];
    return (await this.client.run(script, both, arguments_)) as unknown[];
  }
}

/** Whether this node has a newer connection in the slot. Redis sees all nodes, but knows the ages less exactly. */
function isOvertaken({ named, pending }: UserLeases, slot: string, connection: NamedConnection): boolean {
  const others = [named?.get(slot), ...(pending ?? [])];
  return others.some(
    (other) => other?.slot === slot && !replaces(connection.ageMs(), other.connection.ageMs()),
  );
}

/** Returns 128 bits of a hash, so that long names take no more memory than short ones. */
function digest(slot: string): string {
  return createHash("sha256").update(slot).digest("base64url").slice(0, 22);
}
