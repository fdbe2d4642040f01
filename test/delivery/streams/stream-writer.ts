import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import { type LineOptions, WireLine } from "../clients/wire-line.ts";
import { encodeToken, type StreamEnd, type StreamTurn, type WrittenStream } from "./stream-record.ts";

export interface StreamWriterOptions extends LineOptions {
  readonly conversation: string;
  /** Whether the store may lose a stream that was just begun: its writer is fenced then, and begins again. */
  readonly mayLose: boolean;
}

/** Milliseconds between two appends, at most; the shortest is none. */
const MAX_PAUSE_MS = 30;

/** Appends of a stream. */
const LENGTH = [10, 60] as const;

/** One stream in so many is left behind by its writer, and one ends as failed. */
const LEFT_ONE_IN = 6;
const FAILED_ONE_IN = 8;

/** One append in so many is sent twice: the second one must change nothing (ST2). */
const REPEAT_ONE_IN = 10;

/** At one start in so many the connection before goes on to write, as one does that does not know that it was replaced. */
const RIVAL_ONE_IN = 3;
const RIVAL_APPENDS = 5;

interface Writing {
  readonly id: string;
  readonly length: number;
  readonly state: "done" | "failed";
  readonly isLeft: boolean;
  readonly turns: StreamTurn[];
  sent: number;
  stored: number;
  ending: StreamEnd | undefined;
}

/** Writes one stream after the other, made of the wire alone; after a cut it takes its stream over. */
export class StreamWriter extends WireLine {
  readonly written: Writing[] = [];
  readonly refusals: string[] = [];
  connections = 0;
  rivals = 0;
  private stream: string | undefined;
  private writing: Writing | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isStopping = false;

  constructor(protected override readonly options: StreamWriterOptions) {
    super(options);
  }

  /** Whether it has an answer for all that it wrote. */
  get isSettled(): boolean {
    return this.isStopping && this.writing === undefined;
  }

  /** Streams that have ended, or were left behind. */
  get finished(): number {
    return this.written.length - (this.writing === undefined ? 0 : 1);
  }

  get records(): WrittenStream[] {
    const { conversation, user } = this.options;
    return this.written.map(({ id, turns, length, stored, ending }) => ({
      ...{ conversation, user, id, turns, length, stored, ending },
    }));
  }

  /** Begins no further stream. */
  stopWriting(): void {
    this.isStopping = true;
  }

  end(): void {
    this.close();
  }

  protected path() {
    return { path: `/ws/${this.options.user}/${this.options.conversation}`, query: "" };
  }

  protected receive(frame: ServerFrame): void {
    const { writing } = this;
    switch (frame.type) {
      case "welcome":
        this.connections++;
        this.begin();
        break;
      case "stream_started":
        if (writing?.id === frame.id) this.onStarted(writing, frame.stream, frame.n);
        break;
      case "stream_stored":
        if (writing !== undefined && frame.stream === this.stream)
          writing.stored = Math.max(writing.stored, frame.n);
        break;
      case "ack":
        if (writing !== undefined && writing.id === frame.id)
          this.onEnded(writing, {
            state: writing.state,
            seq: frame.seq,
            duplicate: frame.duplicate === true,
          });
        break;
      case "error":
        this.onError(frame);
        break;
      default:
        break;
    }
  }

  protected lost(): void {
    clearTimeout(this.timer);
    this.stream = undefined;
  }

  protected refused(code: string, text: string): void {
    this.refusals.push(`${this.options.conversation}: closed with ${code}: ${text}`);
  }

  private onError({ code, message, retry_after }: Extract<ServerFrame, { type: "error" }>): void {
    // The store was away for a moment: the same stream is asked for again.
    const isLost = code === "fenced" && this.options.mayLose;
    if (retry_after !== undefined || code === "unavailable" || isLost) this.later(() => this.begin(), 50);
    else this.refusals.push(`${this.options.conversation} ${this.writing?.id}: ${code}: ${message}`);
  }

  private begin(): void {
    this.writing ??= this.next();
    if (this.writing === undefined) return;
    this.send({ type: "stream_start", id: this.writing.id });
  }

  private next(): Writing | undefined {
    if (this.isStopping) return undefined;
    const { random, conversation } = this.options;
    const writing: Writing = {
      id: `${conversation}-${this.written.length}`,
      length: random.between(...LENGTH),
      state: random.between(1, FAILED_ONE_IN) === 1 ? "failed" : "done",
      isLeft: random.between(1, LEFT_ONE_IN) === 1,
      ...{ turns: [], sent: 0, stored: 0, ending: undefined },
    };
    this.written.push(writing);
    return writing;
  }

  private onStarted(writing: Writing, stream: string, n: number): void {
    this.stream = stream;
    writing.turns.push({ connection: this.connections, n });
    writing.stored = Math.max(writing.stored, n);
    // What the server lacks is written again, by this connection.
    writing.sent = n;
    this.write(writing, stream);
  }

  private write(writing: Writing, stream: string): void {
    const { random } = this.options;
    if (writing.sent >= writing.length) {
      if (writing.isLeft) this.leave();
      else this.send({ type: "stream_end", stream, state: writing.state });
      return;
    }
    const n = ++writing.sent;
    const text = encodeToken({ id: writing.id, connection: this.connections, n });
    const append = { type: "stream_append", stream, n, text };
    this.send(append);
    if (random.between(1, REPEAT_ONE_IN) === 1) this.send(append);
    // Of each writer at least one: a short run might have none by chance.
    const isMiddle = n === Math.floor(writing.length / 2);
    if (isMiddle && (random.between(1, RIVAL_ONE_IN) === 1 || this.rivals === 0)) this.rival(writing, stream);
    else this.later(() => this.write(writing, stream), random.between(0, MAX_PAUSE_MS));
  }

  /** Reconnects, while the connection before writes on for a moment: what it writes then must not count (ST2). */
  private rival(writing: Writing, stream: string): void {
    const { connections: connection } = this;
    const old = this.replaceSocket();
    this.rivals++;
    for (let i = 1; i <= RIVAL_APPENDS; i++)
      setTimeout(() => {
        const text = encodeToken({ id: writing.id, connection, n: writing.sent + 1 });
        if (old?.readyState === WebSocket.OPEN)
          old.send(JSON.stringify({ type: "stream_append", stream, n: writing.sent + 1, text }));
        if (i === RIVAL_APPENDS) old?.close();
      }, i * MAX_PAUSE_MS);
  }

  /** Goes away in the middle of a stream, and begins another one later. */
  private leave(): void {
    this.writing = undefined;
    this.replaceSocket()?.close();
  }

  private onEnded(writing: Writing, ending: StreamEnd): void {
    writing.ending = ending;
    this.writing = undefined;
    this.stream = undefined;
    this.begin();
  }

  private later(work: () => void, milliseconds: number): void {
    const { connections } = this;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.welcomed && connections === this.connections && work(), milliseconds);
  }

  private send(frame: object): void {
    if (this.welcomed) this.transmit(frame);
  }
}
