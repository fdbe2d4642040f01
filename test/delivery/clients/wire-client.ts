import type { ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";
import type { Random } from "../../support/random.ts";
import type { ClientEvent, ClientRecord, ResumePoint } from "../record.ts";
import { type ClientLine, type LineClient, SoleLine } from "./wire-line.ts";

/** How fast a client posts. */
export interface SendPace {
  /** Longest time between two new messages, in milliseconds; the shortest is none. */
  readonly pause: number;
  /** Messages that may be without a result at the same time. */
  readonly window: number;
}

/** How a run controls its clients, of either kind. */
export interface DeliveryClient {
  readonly record: ClientRecord;
  readonly connections: number;
  /** Whether its conversation is open now. */
  readonly isOpen: boolean;
  /** The newest `seq` that it received in any frame. */
  readonly newest: number;
  /** Messages sent more than once. */
  readonly repeats: number;
  /** Begins to connect and to post; reconnects whenever its connection is lost, until `leave`. */
  start(): void;
  /** Posts no new messages from now on. */
  stopSending(): void;
  /** Reconnects at once from now on. */
  stopAbsences(): void;
  /**
   * Whether every message has a result, and everything up to `newest` was received, on an open connection. `mustBeOut`: its user may
   * not read the conversation, and the client must have learned that.
   */
  isSettled(newest: number, mustBeOut: boolean): boolean;
  close(): void;
}

export interface DeliveryClientOptions {
  readonly name: string;
  readonly user: string;
  readonly conversation: string;
  readonly token: string;
  /** `ws://127.0.0.1:1234` */
  readonly url: string;
  readonly pace: SendPace;
  readonly random: Random;
  /** As in LineOptions; the library has its own. */
  readonly pingTimeoutMs?: number | undefined;
}

/** Milliseconds until a message is sent again whose outcome is unknown. */
const RETRY_MS = 20;

/** One message in so many is sent again at once, or after its ack: both must change nothing (D3). */
const REPEAT_ONE_IN = 25;

/** One received message in so many is marked as read. */
const MARK_ONE_IN = 10;

/** The refusals of a message of a user who may not write (MB2, MB3). */
const DENIALS: readonly string[] = ["muted", "banned", "forbidden"];

/** Frames that come only while their conversation is open on the socket. */
const OPEN_ONLY: readonly string[] = [
  "message",
  "presence",
  "presence_count",
  "typing",
  "read",
  "member",
  "conversation",
];

/** Longest text, in characters; most are short. */
const LONG_TEXT_CHARS = 3_000;

/**
 * A client made from docs/PROTOCOL.md and a WebSocket alone, so that it proves the server and not the library: it names
 * its messages, sends again what was not acked, and resumes after the newest message that it has. It has a socket of its own,
 * or shares the socket of its user (`line`) with its user's clients in other conversations.
 */
export class WireClient implements DeliveryClient, LineClient {
  readonly record: ClientRecord;
  connections = 0;
  repeats = 0;
  newest = 0;
  resumePoint: ResumePoint | undefined;
  /** Every sent message, by id: messages acked long ago are repeated too. */
  private readonly texts = new Map<string, string>();
  private readonly unacked = new Set<string>();
  private readonly events: ClientEvent[] = [];
  /** Whether the conversation was opened on the present socket. */
  private live = false;
  /** Whether the user may not read the conversation, as far as the client knows. */
  private out = false;
  /** When the conversation was asked for on the present socket, in milliseconds since 1970. */
  private askedAt = 0;
  private sentCount = 0;
  private sending = true;
  private readonly line: ClientLine;

  constructor(
    private readonly options: DeliveryClientOptions,
    line?: ClientLine,
  ) {
    const { name, user, conversation } = options;
    this.record = { name, user, conversation, inLine: true, events: this.events };
    this.line = line ?? new SoleLine(options);
    this.line.add(this);
  }

  get conversation(): string {
    return this.options.conversation;
  }

  get isOpen(): boolean {
    return this.live;
  }

  start(): void {
    this.line.start();
    this.sendLoop();
  }

  stopSending(): void {
    this.sending = false;
  }

  stopAbsences(): void {
    this.line.stopAbsences();
  }

  isSettled(newest: number, mustBeOut: boolean): boolean {
    if (mustBeOut) return this.out;
    return this.live && this.unacked.size === 0 && (this.resumePoint?.after ?? 0) >= newest;
  }

  close(): void {
    this.sending = false;
    this.line.remove(this);
  }

  onLost(): void {
    this.live = false;
  }

  onAsked(): void {
    this.askedAt = Date.now();
  }

  onOut(code: string): void {
    this.live = false;
    this.out = true;
    this.events.push({ kind: "out", code, at: Date.now() });
  }

  onRefused(code: string, text: string): void {
    this.events.push({ kind: "refused", code, text });
  }

  onFrame(frame: ServerFrame, asked: ResumePoint | undefined): void {
    if ("seq" in frame && frame.seq !== undefined) this.newest = Math.max(this.newest, frame.seq);
    if (frame.type === "welcome" || frame.type === "opened") this.onJoined(frame as Joined, asked);
    else if (!this.live && OPEN_ONLY.includes(frame.type))
      this.events.push({ kind: "stray", type: frame.type });
    else if (frame.type === "message") {
      const { type: _, conversation: __, ...message } = frame;
      this.events.push({ kind: "received", message });
      if (this.resumePoint !== undefined && message.seq > this.resumePoint.after)
        this.resumePoint = { ...this.resumePoint, after: message.seq };
      if (this.sending && this.options.random.between(1, MARK_ONE_IN) === 1) this.mark(message.seq);
    } else if (frame.type === "ack" && frame.id !== undefined) {
      this.unacked.delete(frame.id);
      const { id, seq, duplicate = false } = frame;
      this.events.push({ kind: "acked", id, seq, duplicate, ...(!this.live && { outside: true }) });
      if (this.options.random.between(1, REPEAT_ONE_IN) === 1) this.resend(frame.id);
    } else if (frame.type === "presence")
      this.events.push({ kind: "presence", user: frame.user, state: frame.state });
    else if (frame.type === "error") this.onError(frame);
  }

  private onJoined(frame: Joined, asked: ResumePoint | undefined): void {
    const { seq, epoch, resumed, lost } = frame;
    this.events.push({ ...joinedEvent(frame, asked), askedAt: this.askedAt, at: Date.now() });
    this.out = false;
    const from = resumed && asked !== undefined ? (lost?.last ?? asked.after) : seq;
    this.resumePoint = { after: from, epoch };
    this.connections++;
    this.live = true;
    for (const id of this.unacked) this.resend(id);
  }

  /**
   * `unavailable` means that the outcome is unknown and the client may retry; `busy` that the conversation is still catching
   * up on the socket of a user. No other error may come.
   */
  private onError({ code, message, id, retry_after }: ServerFrameOf<"error">): void {
    if (id !== undefined && DENIALS.includes(code)) {
      this.unacked.delete(id);
      this.events.push({ kind: "denied", id, code, at: Date.now() });
    } else if (code !== "unavailable" && code !== "busy") this.onRefused(code, message);
    else if (id !== undefined)
      setTimeout(() => this.unacked.has(id) && this.resend(id), (retry_after ?? 0) * 1_000 + RETRY_MS);
  }

  private sendLoop(): void {
    if (!this.sending) return;
    const { pace, random } = this.options;
    // On the socket of a user one may send without reading (MX3), and a user who may not read tries it.
    if ((this.live || (this.out && this.line.sendsUnopened)) && this.unacked.size < pace.window)
      this.sendNew();
    setTimeout(() => this.sendLoop(), random.between(0, pace.pause));
  }

  private sendNew(): void {
    const { name, random } = this.options;
    const id = `${name}.${++this.sentCount}`;
    const text = `text of ${id}${" …".repeat(random.between(1, 20) === 1 ? LONG_TEXT_CHARS / 2 : 0)}`;
    this.unacked.add(id);
    this.texts.set(id, text);
    this.events.push({ kind: "sent", id, text });
    this.send(id);
    if (random.between(1, REPEAT_ONE_IN) === 1) this.resend(id);
  }

  private resend(id: string): void {
    if (!this.live) return;
    this.repeats++;
    this.send(id);
  }

  private mark(seq: number): void {
    this.events.push({ kind: "marked", seq });
    this.line.send(this, { type: "read", seq });
  }

  private send(id: string): void {
    this.line.send(this, { type: "message", id, text: this.texts.get(id) });
  }
}

/** What a client learns when its conversation is open: `welcome` of its own socket, or `opened` on the socket of its user. */
export type Joined = Pick<ServerFrameOf<"opened">, "seq" | "epoch" | "resumed" | "lost" | "present">;

/** A welcome or an `opened` as a record holds it. */
export function joinedEvent(
  { seq, epoch, resumed, lost, present }: Joined,
  asked: ResumePoint | undefined,
): Extract<ClientEvent, { kind: "joined" }> {
  const users = present.map(({ user }) => user);
  return { kind: "joined", asked, seq, epoch, resumed, present: users, ...(lost !== undefined && { lost }) };
}
