import type { Clock } from "../../core/clock.ts";
import type {
  Engine,
  EpochListener,
  Head,
  HistoryRequest,
  HistoryResult,
  Listening,
  MessageListener,
  PostRequest,
  PostResult,
} from "../../core/engine.ts";
import type { RetentionLimits } from "../../core/retention.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import type { EngineLog } from "../engine-log.ts";
import { PageQueue } from "../page-queue.ts";
import type { Work } from "../work.ts";
import type { Channels } from "./channels.ts";
import { Cleaner } from "./cleaner.ts";
import type { RedisClient } from "./client.ts";
import { ClusterTurns } from "./cluster-turns.ts";
import { RedisAway, storeFault } from "./faults.ts";
import { readMarks } from "./marks.ts";
import { quotaView } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Rooms } from "./rooms.ts";
import { Script } from "./scripts.ts";
import { StandaloneTurns } from "./standalone-turns.ts";
import { type TurnResult, type Turns, UNAVAILABLE } from "./work.ts";

export interface RedisEngineParts {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly log: EngineLog;
  /** How long conversations keep their messages that have no limits of their own. */
  readonly retention: RetentionLimits;
  /** What must have a message before it is acknowledged (D2). */
  readonly ackAfter: "primary" | "replica";
  /** For what is done every few seconds. */
  readonly clock: Clock;
  /** Time in tests, which move it by hand; without it time is Redis's own (Q1). */
  readonly time?: Clock;
}

/** Most work in one turn, and most text (as UTF-16 units): Redis does nothing else meanwhile. */
const MOST_AT_ONCE = 500;
const TEXT_AT_ONCE = 1024 * 1024;

/** While Redis works on one turn, the next is on its way to it: neither waits for the other. */
const TURNS_UNDER_WAY = 2;

/** Pages that are read before those who talk go first again. */
const PAGES_IN_A_ROW = 4;

/** How long a replica may take, in milliseconds. */
export const REPLICA_PATIENCE = 1_000;

/** How often some rooms are compared with the store, and in how many goes all of them are, in milliseconds. */
const CHECK_INTERVAL = 500;
const CHECK_ROUNDS = 8;

/**
 * The engine port on Redis, for many nodes.
 *
 * What arrives while Redis carries out one turn is the next: one script call at a time, so that what a user does takes
 * effect in its order, and the busier a node, the more goes into one call.
 */
export class RedisEngine implements Engine {
  readonly description: string;
  private readonly client: RedisClient;
  private readonly time: Clock | undefined;
  private readonly turns: Turns;
  private readonly reader: Reader;
  private readonly rooms: Rooms;
  private readonly pages: PageQueue;
  private readonly cleaner: Cleaner;
  private readonly allowance = new Script("allowance");
  private readonly stopTimers: readonly (() => void)[];
  private queue: Work[] = [];
  private scheduled = false;
  private underWay = 0;
  private readonly mostUnderWay: number;
  /** Resolves when the last turn was told. */
  private told: Promise<void> = Promise.resolve();
  /** The turn that Redis works on, or the last one. */
  private carried: Promise<unknown> = Promise.resolve();
  private checking = false;
  private closed = false;

  private constructor(parts: RedisEngineParts) {
    const { client, channels, log, retention, ackAfter, clock, time } = parts;
    this.client = client;
    this.time = time;
    this.description = client.description;
    this.reader = new Reader(client, log);
    this.rooms = new Rooms({ client, channels, log, store: this.reader });
    this.pages = new PageQueue(
      ({ conversation, after, upTo, count }) => this.reader.page(conversation, after + 1, upTo, count),
      () => this.carried,
      PAGES_IN_A_ROW,
    );
    const turnParts = {
      client,
      log,
      retention,
      replicaPatience: ackAfter === "replica" ? REPLICA_PATIENCE : undefined,
      time,
      known: (conversation: string) => this.rooms.known(conversation),
    };
    // In Cluster a turn is several calls, and those of two turns could pass each other.
    this.mostUnderWay = client.isCluster ? 1 : TURNS_UNDER_WAY;
    this.turns = client.isCluster
      ? new ClusterTurns({ ...turnParts, storeEpoch: () => this.reader.storeEpoch })
      : new StandaloneTurns(turnParts);
    this.cleaner = new Cleaner({ client, log, retention, clock, time });
    this.stopTimers = [clock.every(CHECK_INTERVAL, () => this.checkRooms())];
  }

  /** Begins to work on a Redis that was reached. */
  static async open(parts: RedisEngineParts): Promise<RedisEngine> {
    const engine = new RedisEngine(parts);
    await engine.reader.refreshEpoch();
    return engine;
  }

  post(request: PostRequest, done: (result: PostResult) => void): void {
    this.enqueue({ kind: "post", request, done });
  }

  history(request: HistoryRequest, done: (result: HistoryResult) => void): void {
    this.enqueue({ kind: "history", request, done });
  }

  async quota(user: string, limit: number): Promise<Quota | null> {
    if (limit === 0) return null;
    const now = this.time === undefined ? "" : this.time.now();
    const { keys, isCluster } = this.client;
    const names = [keys.ofUser(user, "quota")];
    if (!isCluster) names.push(keys.ofAll("turn"), keys.ofAll("epoch"));
    const reply = await this.client.run(this.allowance, names, [now]);
    const [used, reset] = reply as [number, number];
    return quotaView(limit, used, reset);
  }

  listen(conversation: string, listener: MessageListener): Promise<Listening> {
    return this.rooms.listen(conversation, listener);
  }

  async head(conversation: string): Promise<Head> {
    const head = await this.rooms.head(conversation);
    if (head === undefined) throw new RedisAway();
    return head;
  }

  async page(conversation: string, after: number, upTo: number, count: number) {
    return this.closed ? undefined : this.pages.add({ conversation, after, upTo, count });
  }

  mark(conversation: string, user: string, seq: number, epoch?: string): Promise<number | undefined> {
    return new Promise((resolve) =>
      this.enqueue({
        kind: "mark",
        request: { conversation, user, seq, epoch },
        done: ({ outcome }) => resolve(outcome === "moved" ? seq : undefined),
      }),
    );
  }

  marks(conversation: string): Promise<ReadonlyMap<string, number>> {
    return readMarks(this.client, conversation);
  }

  /** After Redis was away: tells everybody what was missed meanwhile, or that messages are lost. */
  catchUp(): Promise<void> {
    return this.rooms.catchUp();
  }

  /** Removes all that is no longer kept, everywhere. */
  clean(): Promise<void> {
    return this.cleaner.clean();
  }

  ready(): boolean {
    return this.client.ready && !this.closed;
  }

  /** In Cluster, a primary can be away, or refuse writes, while the others serve. */
  isAway(error: unknown): boolean {
    this.client.doubt(error);
    return !this.ready() || storeFault(error) !== undefined;
  }

  watchReady(listener: (ready: boolean) => void): () => void {
    return this.client.watchReady(listener);
  }

  watchEpoch(listener: EpochListener): () => void {
    return this.rooms.watchEpoch(listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stopTimers) stop();
    this.begin();
    while (this.underWay > 0) await this.told;
    this.pages.refuseAll();
    this.rooms.close();
    await this.cleaner.stop();
  }

  private enqueue(work: Work): void {
    if (this.closed) {
      (work.done as (result: typeof UNAVAILABLE) => void)(UNAVAILABLE);
      return;
    }
    this.queue.push(work);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.begin();
    });
  }

  /** Sends what there is to Redis, as far as turns may be under way. */
  private begin(): void {
    while (this.underWay < this.mostUnderWay && this.queue.length > 0) {
      const work = this.takeTurn();
      const turn = this.rooms.begin(work);
      for (const { kind, request } of work) if (kind === "post") this.cleaner.spoken(request.conversation);
      const carried = this.client.ready ? this.turns.carryOut(work) : refused(work);
      this.carried = carried;
      this.underWay++;
      this.told = this.finish(this.told, turn, work, carried);
    }
  }

  /** Tells what came of a turn, after the one before it. */
  private async finish(
    before: Promise<void>,
    turn: ReturnType<Rooms["begin"]>,
    work: readonly Work[],
    carried: Promise<TurnResult>,
  ): Promise<void> {
    const result = await carried;
    await before;
    this.underWay--;
    // First, so that Redis works on it while this one is told.
    this.begin();
    this.rooms.tell(turn, work, result);
  }

  private takeTurn(): Work[] {
    let count = 0;
    for (let text = 0; count < Math.min(MOST_AT_ONCE, this.queue.length) && text < TEXT_AT_ONCE; count++) {
      const work = this.queue[count]!;
      if (work.kind === "post") text += work.request.text.length;
    }
    return this.queue.splice(0, count);
  }

  private async checkRooms(): Promise<void> {
    if (this.checking || !this.client.ready) return;
    this.checking = true;
    await this.rooms.check(1 / CHECK_ROUNDS);
    this.checking = false;
  }
}

async function refused(work: readonly Work[]): Promise<TurnResult> {
  return { results: work.map(() => UNAVAILABLE), epochs: new Map() };
}
