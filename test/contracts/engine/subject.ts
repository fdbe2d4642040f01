import { type RetentionLimits, UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type {
  ConsiderResult,
  HistoryRequest,
  HistoryResult,
  PostResult,
  Subscription,
} from "../../../src/core/ports/message-log.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { decodeEntry, type MessageFields, messageContent } from "../../support/entries.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** An engine on data of its own, made for one test. */
export interface OpenedEngine {
  readonly engine: Engine;
  /** Closes the engine, and opens another one on the same data and the same clock. */
  reopen(): Promise<Engine>;
  /** Removes all that is no longer kept, without waiting for the engine to come to it. */
  clean(): Promise<void>;
  /** Closes the engine and deletes its data. */
  close(): Promise<void>;
}

/** Opens an engine with `clock` as its time and the given `retention`. */
export type OpenEngine = (clock: ManualClock, retention: RetentionLimits) => Promise<OpenedEngine>;

/** A history that was read, with its messages as the wire has them. */
export interface ReadHistory extends Omit<Extract<HistoryResult, { outcome: "read" }>, "entries"> {
  readonly messages: readonly Message[];
}

/** The engine under test, with the fields that a test does not care about filled in. */
export class Subject implements AsyncDisposable {
  readonly clock: ManualClock;
  engine: Engine;

  private constructor(
    private readonly opened: OpenedEngine,
    clock: ManualClock,
  ) {
    this.clock = clock;
    this.engine = opened.engine;
  }

  static async open(open: OpenEngine, retention = UNLIMITED_RETENTION): Promise<Subject> {
    const clock = new ManualClock();
    return new Subject(await open(clock, retention), clock);
  }

  /** Begins a post at once; several without `await` between them arrive in one turn of the event loop. */
  post(id: string, { text = id, data, ...fields }: MessageFields = {}): Promise<PostResult> {
    const content = messageContent(text, data);
    return new Promise((resolve) =>
      this.engine.post(
        { conversation: "room", user: "anna", limit: 1_000, ...fields, id, ...content },
        resolve,
      ),
    );
  }

  /** What `post` would answer. */
  consider(id: string, fields: Omit<MessageFields, "text" | "data"> = {}): Promise<ConsiderResult> {
    const request = { conversation: "room", user: "anna", limit: 1_000, ...fields, id };
    return new Promise((resolve) => this.engine.consider(request, resolve));
  }

  /** Posts and expects it to be stored. */
  async store(id: string, fields: MessageFields = {}): Promise<Extract<PostResult, { seq: number }>> {
    const result = await this.post(id, fields);
    if (result.outcome !== "stored") throw new Error(`\`${id}\` was not stored: ${JSON.stringify(result)}`);
    return result;
  }

  /** Stores messages called `1`, `2`, … `count`, as one batch. */
  async fill(count: number, fields: MessageFields = {}): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.store(String(i + 1), fields)));
  }

  history(fields: Partial<HistoryRequest> = {}): Promise<HistoryResult> {
    return new Promise((resolve) =>
      this.engine.history({ conversation: "room", user: "reader", limit: 0, count: 200, ...fields }, resolve),
    );
  }

  /** Reads history and expects a page; returns the messages as the wire has them. */
  async read(fields: Partial<HistoryRequest> = {}): Promise<ReadHistory> {
    const result = await this.history(fields);
    if (result.outcome !== "read") throw new Error(`History was not read: ${JSON.stringify(result)}`);
    const { outcome, entries, more, quota } = result;
    return { outcome, messages: entries.map(decodeEntry), more, quota };
  }

  /** Subscribes, and records the messages that are announced, as the wire has them. */
  async subscribe(conversation = "room"): Promise<{ listening: Subscription; received: Message[] }> {
    const received: Message[] = [];
    const listening = await this.engine.subscribe(conversation, (_, entry) =>
      received.push(decodeEntry(entry)),
    );
    return { listening, received };
  }

  clean(): Promise<void> {
    return this.opened.clean();
  }

  async reopen(): Promise<void> {
    this.engine = await this.opened.reopen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.close();
  }
}
