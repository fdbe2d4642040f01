import { createHash } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import {
  type ConnectionLeases,
  type NamedConnection,
  replaceableFrom,
  replaces,
  type Taking,
} from "../../core/leases.ts";
import { RecencyMap } from "../../core/recency-map.ts";
import type { EngineLog } from "../engine-log.ts";
import type { RedisClient } from "./client.ts";
import type { LifeKeeper, NodeRegistry } from "./nodes.ts";
import { Replacements } from "./replacements.ts";
import { Script } from "./scripts.ts";

export interface RedisLeasesParts {
  readonly client: RedisClient;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** How long a count outlives its last change, and how often it is settled meanwhile, in milliseconds. */
const EXPIRY = 3 * 3_600_000;
const SETTLE_INTERVAL = 3_600_000;

/** How often it is tried again to write what could not be written, in milliseconds. */
const RETRY_INTERVAL = 1_000;

/** Users who gave back their last connection, of whom a store that goes back may count it again. */
const REMEMBERED = 10_000;

/** By how much ages of connections on two nodes may be wrong: as long as a command to a busy store takes, in milliseconds. */
const DOUBT = 1_000;

/** Counts settled at once. */
const SETTLED_AT_ONCE = 500;

/** A connection that names its client, as the store knows it: `id` is unique on this node. */
interface Named {
  readonly slot: string;
  readonly id: number;
  readonly connection: NamedConnection;
}

/** A named one that is being taken. */
interface Arrival extends Named {
  /** It was replaced before the store's answer came. */
  isReplaced: boolean;
}

interface Holding {
  /** The user's connections on this node that name no client, those that are being taken included. */
  held: number;
  /** How many are being taken, named ones included: until the store has answered, it is not known what it counts. */
  taking: number;
  /** Those that name their client, by slot; made when there is one. */
  named?: Map<string, Named>;
  /** Those that are being taken; made when there is one. */
  arriving?: Set<Arrival>;
}

const script = new Script("connections");

/** The lease port for many nodes: each writes how many of a user's connections it holds, and the dead do not count. */
export class RedisLeases implements ConnectionLeases, LifeKeeper {
  private readonly client: RedisClient;
  private readonly nodes: NodeRegistry;
  private readonly log: EngineLog;
  private readonly holdings = new Map<string, Holding>();
  /** Users of whom the store may count something else than this node holds. */
  private readonly unsettled = new Set<string>();
  private given = new RecencyMap<true>(REMEMBERED);
  private readonly replacements: Replacements;
  private readonly stops: readonly (() => void)[];
  private settling: Promise<void> | undefined;
  private lastId = 0;

  constructor({ client, nodes, clock, log }: RedisLeasesParts) {
    this.client = client;
    this.nodes = nodes;
    this.log = log;
    nodes.add(this);
    this.replacements = new Replacements(client, ({ user, slot, id }) => this.wasReplaced(user, slot, id));
    this.stops = [
      clock.every(SETTLE_INTERVAL, () => void this.putBack()),
      clock.every(RETRY_INTERVAL, () => {
        void this.settle();
        this.replacements.sendAgain();
      }),
    ];
  }

  /** Begins to hear of connections that are replaced by others on other nodes; also after Redis was away. */
  async start(): Promise<void> {
    await this.replacements.listen();
  }

  async take(user: string, limit: number, client?: NamedConnection): Promise<Taking> {
    const holding = this.holdings.get(user) ?? { held: 0, taking: 0 };
    this.holdings.set(user, holding);
    holding.taking++;
    if (client === undefined) holding.held++;
    let taking: Taking = "full";
    try {
      taking =
        client === undefined
          ? await this.ask(user, limit)
          : await this.takeNamed(user, limit, holding, client);
    } catch (error) {
      // Whether the store counts it is not known.
      this.unsettled.add(user);
      throw error;
    } finally {
      holding.taking--;
      if (client === undefined && taking !== "taken") holding.held--;
      this.dropIfEmpty(user, holding);
    }
    return taking;
  }

  giveBack(user: string, client?: NamedConnection): void {
    const holding = this.holdings.get(user);
    if (holding === undefined) return;
    const named = client && this.namedOf(holding, client);
    if (client === undefined) holding.held--;
    else if (named === undefined) return;
    else holding.named?.delete(named.slot);
    this.dropIfEmpty(user, holding);
    if (this.unsettled.has(user)) return;
    this.run(user, "give", { named: named && [named] }).catch(() => this.unsettled.add(user));
  }

  async putBack(): Promise<void> {
    for (const user of this.holdings.keys()) this.unsettled.add(user);
    for (const user of this.given.keys()) this.unsettled.add(user);
    this.given = new RecencyMap(REMEMBERED);
    await this.settle();
  }

  /** Nothing to do: counts of a node that is gone are left out where they are in the way, and expire. */
  async sweep(): Promise<void> {}

  async leaves(): Promise<boolean> {
    return false;
  }

  /** Gives back all that this node holds. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    this.replacements.close();
    await this.settling;
    const users = [...this.holdings.keys(), ...this.unsettled];
    this.holdings.clear();
    await Promise.all(users.map((user) => this.run(user, "settle"))).catch(() => {});
  }

  private async takeNamed(
    user: string,
    limit: number,
    holding: Holding,
    connection: NamedConnection,
  ): Promise<Taking> {
    const slot = digest(connection.slot);
    if (isOvertaken(holding, slot, connection)) return "replaced";
    const arrival: Arrival = { slot, id: ++this.lastId, connection, isReplaced: false };
    holding.arriving ??= new Set();
    holding.arriving.add(arrival);
    try {
      const taking = await this.ask(user, limit, arrival);
      if (taking !== "taken") return taking;
      const before = holding.named?.get(slot);
      holding.named ??= new Map();
      holding.named.delete(slot);
      if (!arrival.isReplaced) holding.named.set(slot, { slot, id: arrival.id, connection });
      before?.connection.replaced();
      return arrival.isReplaced ? "replaced" : "taken";
    } finally {
      holding.arriving.delete(arrival);
      if (holding.arriving.size === 0) delete holding.arriving;
    }
  }

  private async ask(user: string, limit: number, named?: Named): Promise<Taking> {
    const one = named && [named];
    let [taken, ...rest] = await this.run(user, "take", { count: limit, named: one });
    if (taken === 0) {
      const gone = await this.nodes.goneOf(rest as string[]);
      if (gone.length === 0) return "full";
      [taken, ...rest] = await this.run(user, "take", { count: limit, named: one, gone });
    }
    if (taken !== 1) return taken === 2 ? "replaced" : "full";
    const [life, id] = rest as string[];
    if (named === undefined || life === undefined) return "taken";
    if (this.nodes.isOwn(life)) this.wasReplaced(user, named.slot, Number(id));
    else this.replacements.send(life, { user, slot: named.slot, id: Number(id) });
    return "taken";
  }

  /** A connection of this node was replaced. */
  private wasReplaced(user: string, slot: string, id: number): void {
    const holding = this.holdings.get(user);
    for (const arrival of holding?.arriving ?? []) if (arrival.id === id) arrival.isReplaced = true;
    const named = holding?.named?.get(slot);
    if (holding === undefined || named?.id !== id) return;
    holding.named?.delete(slot);
    this.dropIfEmpty(user, holding);
    named.connection.replaced();
  }

  private namedOf(holding: Holding, connection: NamedConnection): Named | undefined {
    const named = holding.named?.get(digest(connection.slot));
    return named?.connection === connection ? named : undefined;
  }

  private dropIfEmpty(user: string, holding: Holding): void {
    if (holding.named?.size === 0) holding.named = undefined;
    if (holding.held > 0 || holding.taking > 0 || holding.named !== undefined) return;
    if (this.holdings.get(user) !== holding) return;
    this.holdings.delete(user);
    this.given.set(user, true);
  }

  private async settle(): Promise<void> {
    if (this.unsettled.size === 0 || !this.client.reachable) return;
    this.settling ??= this.tryToSettle()
      .catch((error) => {
        if (this.client.ready) this.log.warn("leases.sync_failed", { error: String(error) });
      })
      .finally(() => {
        this.settling = undefined;
      });
    await this.settling;
  }

  private async tryToSettle(): Promise<void> {
    // What is replaced after it was looked up here is told by an announcement.
    await this.replacements.listening;
    // Commands of one user are carried out in the order in which they are sent, so what is taken later is added to this.
    const users = [...this.unsettled].filter((user) => (this.holdings.get(user)?.taking ?? 0) === 0);
    for (let i = 0; i < users.length; i += SETTLED_AT_ONCE) {
      await Promise.all(users.slice(i, i + SETTLED_AT_ONCE).map((user) => this.settleOne(user)));
    }
  }

  private async settleOne(user: string): Promise<void> {
    const holding = this.holdings.get(user);
    // It may have begun to take one since the list was made.
    if ((holding?.taking ?? 0) > 0) return;
    this.unsettled.delete(user);
    try {
      const named = [...(holding?.named?.values() ?? [])];
      const [, ...replaced] = await this.run(user, "settle", { count: holding?.held, named });
      for (const { slot, id } of named) if (replaced.includes(slot)) this.wasReplaced(user, slot, id);
    } catch (error) {
      this.unsettled.add(user);
      throw error;
    }
  }

  private async run(
    user: string,
    what: "take" | "give" | "settle",
    {
      count = 0,
      named = [],
      gone = [],
    }: { count?: number | undefined; named?: readonly Named[] | undefined; gone?: readonly string[] } = {},
  ): Promise<unknown[]> {
    const { keys } = this.client;
    const { life, pastLives } = this.nodes;
    const ages = named.map(({ connection }) => Math.max(0, Math.round(connection.age())));
    const clearsSlots = what === "settle" || gone.length > 0;
    const arguments_ = [
      ...[what, life, count, EXPIRY, replaceableFrom(ages[0] ?? 0, DOUBT), named.length, clearsSlots ? 1 : 0],
      ...named.flatMap(({ slot, id }, at) => [slot, id, ages[at]!]),
      ...pastLives,
      ...gone,
    ];
    const both = [keys.ofUser(user, "connections"), keys.ofUser(user, "clients")];
    return (await this.client.run(script, both, arguments_)) as unknown[];
  }
}

/** Whether this node has a newer connection of the slot; the store, which sees all nodes, cannot tell so exactly. */
function isOvertaken({ named, arriving }: Holding, slot: string, connection: NamedConnection): boolean {
  const others = [named?.get(slot), ...(arriving ?? [])];
  return others.some((other) => other?.slot === slot && !replaces(connection.age(), other.connection.age()));
}

/** As long as any other, whatever the names are: 128 bits of a hash. */
function digest(slot: string): string {
  return createHash("sha256").update(slot).digest("base64url").slice(0, 22);
}
