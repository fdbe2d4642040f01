import type { Clock } from "../../core/clock.ts";
import type { ConnectionLeases } from "../../core/leases.ts";
import { RecencyMap } from "../../core/recency-map.ts";
import type { EngineLog } from "../engine-log.ts";
import type { RedisClient } from "./client.ts";
import type { LifeKeeper, NodeRegistry } from "./nodes.ts";
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

/** Counts settled at once. */
const SETTLED_AT_ONCE = 500;

interface Holding {
  /** The user's connections on this node, those that are being taken included. */
  held: number;
  /** How many are being taken: until the store has answered, it is not known what it counts. */
  taking: number;
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
  private readonly stops: readonly (() => void)[];
  private settling: Promise<void> | undefined;

  constructor({ client, nodes, clock, log }: RedisLeasesParts) {
    this.client = client;
    this.nodes = nodes;
    this.log = log;
    nodes.add(this);
    this.stops = [
      clock.every(SETTLE_INTERVAL, () => this.putBack()),
      clock.every(RETRY_INTERVAL, () => this.settle()),
    ];
  }

  async take(user: string, limit: number): Promise<boolean> {
    const holding = this.holdings.get(user) ?? { held: 0, taking: 0 };
    this.holdings.set(user, holding);
    holding.held++;
    holding.taking++;
    let taken = false;
    try {
      taken = await this.ask(user, limit);
    } catch (error) {
      // Whether the store counts it is not known.
      this.unsettled.add(user);
      throw error;
    } finally {
      holding.taking--;
      if (!taken) this.drop(user, holding);
    }
    return taken;
  }

  giveBack(user: string): void {
    const holding = this.holdings.get(user);
    if (holding === undefined) return;
    this.drop(user, holding);
    if (this.unsettled.has(user)) return;
    this.run(user, "give").catch(() => this.unsettled.add(user));
  }

  putBack(): void {
    for (const user of this.holdings.keys()) this.unsettled.add(user);
    for (const user of this.given.keys()) this.unsettled.add(user);
    this.given = new RecencyMap(REMEMBERED);
    this.settle();
  }

  /** Nothing to do: counts of a node that is gone are left out where they are in the way, and expire. */
  async sweep(): Promise<void> {}

  async leaves(): Promise<boolean> {
    return false;
  }

  /** Gives back all that this node holds. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.settling;
    const users = [...this.holdings.keys(), ...this.unsettled];
    this.holdings.clear();
    await Promise.all(users.map((user) => this.run(user, "settle", 0))).catch(() => {});
  }

  private async ask(user: string, limit: number): Promise<boolean> {
    const [taken, ...holders] = await this.run(user, "take", limit);
    if (taken === 1) return true;
    const gone = await this.nodes.goneOf(holders as string[]);
    return gone.length > 0 && (await this.run(user, "take", limit, gone))[0] === 1;
  }

  private drop(user: string, holding: Holding): void {
    holding.held--;
    if (holding.held > 0 || holding.taking > 0) return;
    this.holdings.delete(user);
    this.given.set(user, true);
  }

  private settle(): void {
    if (this.unsettled.size === 0 || !this.client.ready) return;
    this.settling ??= this.tryToSettle()
      .catch((error) => {
        if (this.client.ready) this.log.warn("leases.unsettled", { error: String(error) });
      })
      .finally(() => {
        this.settling = undefined;
      });
  }

  private async tryToSettle(): Promise<void> {
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
      await this.run(user, "settle", holding?.held ?? 0);
    } catch (error) {
      this.unsettled.add(user);
      throw error;
    }
  }

  private async run(
    user: string,
    what: "take" | "give" | "settle",
    count = 0,
    gone: readonly string[] = [],
  ): Promise<unknown[]> {
    const keys = [this.client.keys.ofUser(user, "connections")];
    const { life, pastLives } = this.nodes;
    const arguments_ = [what, life, count, EXPIRY, ...pastLives, ...gone];
    return (await this.client.run(script, keys, arguments_)) as unknown[];
  }
}
