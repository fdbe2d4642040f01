import { type RetentionLimits, UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import type {
  DraftText,
  StreamAppend,
  StreamAppendResult,
  StreamCancel,
  StreamCancelResult,
  StreamEnd,
  StreamEndResult,
  StreamEvent,
  StreamStart,
  StreamStartResult,
  StreamWriter,
} from "../../../src/core/ports/conversation/streams.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { type OpenedEngine, Subject } from "../engine/subject.ts";

/** An engine on data of its own, with what the contract for streams needs beside it. */
export interface OpenedStreams extends OpenedEngine {
  /** The bytes of all values in the rows of drafts and of messages, as they are now (ST5). */
  rowBytes(): Promise<number>;
  /** Removes a conversation, as the command does. */
  removeConversation(conversation: string): Promise<void>;
}

export type OpenStreams = (clock: ManualClock, retention: RetentionLimits) => Promise<OpenedStreams>;

/** The streams of an engine under test, with the fields that a test does not care about filled in. */
export class StreamSubject implements AsyncDisposable {
  private constructor(
    readonly subject: Subject,
    private readonly opened: OpenedStreams,
  ) {}

  static async begin(open: OpenStreams): Promise<StreamSubject> {
    let opened: OpenedStreams | undefined;
    const subject = await Subject.open(async (clock, retention) => {
      opened = await open(clock, retention);
      return opened;
    }, UNLIMITED_RETENTION);
    return new StreamSubject(subject, opened!);
  }

  rowBytes(): Promise<number> {
    return this.opened.rowBytes();
  }

  /** Removes a conversation, and lets the engine notice it. */
  async removeConversation(conversation: string): Promise<void> {
    await this.opened.removeConversation(conversation);
    this.subject.clock.advance(1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subject[Symbol.asyncDispose]();
  }

  start(id: string, fields: Partial<StreamStart> = {}): Promise<StreamStartResult> {
    const request = { conversation: "room", user: "anna", limit: 1_000, ...fields, id };
    return new Promise((resolve) => this.subject.engine.streams.start(request, resolve));
  }

  /** Starts a stream, and returns its writer. */
  async open(id: string, fields: Partial<StreamStart> = {}): Promise<StreamWriter> {
    const result = await this.start(id, fields);
    if (result.outcome !== "started" && result.outcome !== "taken_over")
      throw new Error(`\`${id}\` was not started: ${JSON.stringify(result)}`);
    const { stream, generation } = result;
    return { conversation: fields.conversation ?? "room", stream, generation };
  }

  append(writer: StreamWriter, ...appends: StreamAppend[]): Promise<StreamAppendResult> {
    return new Promise((resolve) => this.subject.engine.streams.append({ ...writer, appends }, resolve));
  }

  end(writer: StreamWriter, fields: Partial<StreamEnd> = {}): Promise<StreamEndResult> {
    const request = { appends: [], state: undefined, limit: 1_000, ...writer, ...fields };
    return new Promise((resolve) => this.subject.engine.streams.end(request, resolve));
  }

  cancel(
    target: StreamCancel["target"],
    by: string,
    fields: Partial<StreamCancel> = {},
  ): Promise<StreamCancelResult> {
    const request = { conversation: "room", moderates: false, discard: false, ...fields, target, by };
    return this.subject.engine.streams.cancel(request);
  }

  drafts(conversation = "room"): Promise<readonly DraftText[]> {
    return this.subject.engine.streams.drafts(conversation);
  }

  /** Records the events of streams from now on. */
  watch(): StreamEvent[] {
    const events: StreamEvent[] = [];
    this.subject.engine.streams.watch((event) => events.push(event));
    return events;
  }
}
