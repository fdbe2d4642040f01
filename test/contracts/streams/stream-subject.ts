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
import type { Subject } from "../engine/subject.ts";

/** The streams of an engine under test, with the fields that a test does not care about filled in. */
export class StreamSubject {
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
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
