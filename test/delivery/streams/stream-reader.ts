import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { type LineOptions, WireLine } from "../clients/wire-line.ts";
import type { StreamReaderFrame, StreamReaderRecord } from "./stream-record.ts";

export interface StreamReaderOptions extends LineOptions {
  readonly conversation: string;
  /** `plain`: a socket of the conversation that does not ask for streams; `one`: one that does; `user`: the socket of a user. */
  readonly kind: "plain" | "one" | "user";
}

/** Reads a conversation over connections that are cut, and keeps what each connection received. */
export class StreamReader extends WireLine {
  readonly records: StreamReaderRecord[] = [];
  readonly refusals: string[] = [];
  newest = 0;
  /** Messages that it received. */
  readonly messages = new Set<number>();
  private frames: StreamReaderFrame[] = [];
  private epoch: string | undefined;

  constructor(protected override readonly options: StreamReaderOptions) {
    super(options);
  }

  get conversation(): string {
    return this.options.conversation;
  }

  end(): void {
    this.close();
  }

  protected path() {
    const { user, conversation, kind } = this.options;
    if (kind === "user") return { path: `/ws/${user}`, query: "" };
    const resume = this.epoch === undefined ? "" : `&after=${this.newest}&epoch=${this.epoch}`;
    return {
      path: `/ws/${user}/${conversation}`,
      query: kind === "one" ? `${resume}&streams=1` : resume,
    };
  }

  protected receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        this.begin();
        if (this.options.kind === "user") this.open();
        else this.opened(frame.seq, frame.epoch);
        break;
      case "opened":
        this.opened(frame.seq, frame.epoch);
        break;
      case "closed":
        // The next connection goes on.
        if (frame.retry_after !== undefined) setTimeout(() => this.open(), frame.retry_after * 1000);
        break;
      case "message":
        this.newest = Math.max(this.newest, frame.seq);
        this.messages.add(frame.seq);
        this.frames.push(frame);
        break;
      case "stream":
      case "stream_append":
        this.frames.push(frame);
        break;
      case "error":
        if (frame.retry_after !== undefined && this.options.kind === "user")
          setTimeout(() => this.open(), frame.retry_after * 1000);
        break;
      default:
        break;
    }
  }

  protected lost(): void {}

  protected refused(code: string, text: string): void {
    this.refusals.push(`a reader of ${this.options.conversation} was closed with ${code}: ${text}`);
  }

  private begin(): void {
    const { conversation, kind } = this.options;
    this.frames = [];
    this.records.push({
      ...{ conversation, name: `${kind} reader ${this.records.length}` },
      readsStreams: kind !== "plain",
      frames: this.frames,
    });
  }

  private open(): void {
    const { conversation } = this.options;
    // An open conversation that is opened again begins with its streams again.
    this.begin();
    const place = this.epoch === undefined ? {} : { after: this.newest, epoch: this.epoch };
    this.transmit({ type: "open", conversations: [{ conversation, ...place }] });
  }

  private opened(seq: number, epoch: string): void {
    if (this.epoch === undefined) this.newest = seq;
    this.epoch = epoch;
  }
}
