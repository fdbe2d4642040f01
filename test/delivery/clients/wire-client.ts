import type { ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";
import type { Random } from "../../support/random.ts";
import type { ClientEvent, ClientRecord, ResumePoint } from "../record.ts";

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
  /** The newest `seq` that it received in any frame. */
  readonly newest: number;
  /** Messages sent more than once. */
  readonly repeats: number;
  /** Begins to connect and to post; reconnects whenever its connection is lost, until `leave`. */
  start(): void;
  /** Posts no new messages from now on. */
  stopSending(): void;
  /** Whether every message has a result, and everything up to `newest` was received, on an open connection. */
  isSettled(newest: number): boolean;
  close(): void;
}

/** Bun's, which can also be cut without a close frame: on a dead connection that would never get a reply. */
type Socket = WebSocket & { terminate(): void };

export interface DeliveryClientOptions {
  readonly name: string;
  readonly user: string;
  readonly conversation: string;
  readonly token: string;
  /** `ws://127.0.0.1:1234` */
  readonly url: string;
  readonly pace: SendPace;
  readonly random: Random;
}

/** Milliseconds between two pings, and how long a pong may take before the connection counts as dead. */
const PING_INTERVAL_MS = 500;
const PING_TIMEOUT_MS = 1_500;

/** Milliseconds before the first reconnect attempt, doubled with each failure. */
const BACKOFF_INITIAL_MS = 20;
const BACKOFF_MAX_MS = 400;

/**
 * One lost connection in this many is not reopened at once: its user stays away for a while, in milliseconds, and
 * misses much.
 */
const ABSENCE_ONE_IN = 12;
const ABSENCE_MS = 4_000;

/** One message in so many is sent again at once, or after its ack: both must change nothing (D3). */
const REPEAT_ONE_IN = 25;

/** Longest text, in characters; most are short. */
const LONG_TEXT_CHARS = 3_000;

/**
 * A client made from docs/PROTOCOL.md and a WebSocket alone, so that it proves the server and not the library: it names
 * its messages, sends again what was not acked, and resumes after the newest message that it has.
 */
export class WireClient implements DeliveryClient {
  readonly record: ClientRecord;
  connections = 0;
  repeats = 0;
  newest = 0;
  /** Every sent message, by id: messages acked long ago are repeated too. */
  private readonly texts = new Map<string, string>();
  private readonly unacked = new Set<string>();
  private readonly events: ClientEvent[] = [];
  private socket: Socket | undefined;
  /** Whether the socket was welcomed. */
  private live = false;
  private resumePoint: ResumePoint | undefined;
  private sentCount = 0;
  private failures = 0;
  private lastReceivedAt = 0;
  private sending = true;
  private closed = false;
  private readonly pingTimer: ReturnType<typeof setInterval>;

  constructor(private readonly options: DeliveryClientOptions) {
    const { name, user, conversation } = options;
    this.record = { name, user, conversation, inLine: true, events: this.events };
    this.pingTimer = setInterval(() => this.checkLiveness(), PING_INTERVAL_MS);
  }

  start(): void {
    this.connect();
    this.sendLoop();
  }

  stopSending(): void {
    this.sending = false;
  }

  isSettled(newest: number): boolean {
    return this.live && this.unacked.size === 0 && (this.resumePoint?.after ?? 0) >= newest;
  }

  close(): void {
    this.closed = true;
    this.sending = false;
    clearInterval(this.pingTimer);
    this.socket?.close(1000);
  }

  private connect(): void {
    if (this.closed) return;
    const { url, user, conversation, token } = this.options;
    const asked = this.resumePoint;
    const resume = asked === undefined ? "" : `&after=${asked.after}&epoch=${asked.epoch}`;
    const socket = new WebSocket(`${url}/ws/${user}/${conversation}?token=${token}${resume}`) as Socket;
    this.socket = socket;
    this.lastReceivedAt = performance.now();
    let wait: number | undefined;
    socket.addEventListener("message", ({ data }) => {
      // Frames that still arrive on an abandoned connection are ignored: the messages come again on the next one.
      if (socket !== this.socket) return;
      const frame: ServerFrame = JSON.parse(String(data));
      this.lastReceivedAt = performance.now();
      if (frame.type === "closing" && frame.retry_after !== undefined) wait = frame.retry_after * 1000;
      if (frame.type === "closing" && !frame.reconnect)
        this.events.push({ kind: "refused", code: String(frame.code), text: frame.reason });
      this.onFrame(frame, asked);
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.onClose(wait);
    });
  }

  private onClose(after: number | undefined): void {
    this.live = false;
    this.socket = undefined;
    const { random } = this.options;
    const wait = Math.min(BACKOFF_MAX_MS, BACKOFF_INITIAL_MS * 2 ** this.failures++) * (0.5 + random.next());
    const isAbsent = this.sending && random.between(1, ABSENCE_ONE_IN) === 1;
    setTimeout(() => this.connect(), isAbsent ? ABSENCE_MS : (after ?? wait));
  }

  /** A half-open connection reports nothing; only a missing reply reveals it. */
  private checkLiveness(): void {
    const { socket } = this;
    if (socket === undefined) return;
    if (performance.now() - this.lastReceivedAt > PING_TIMEOUT_MS) {
      socket.terminate();
      if (this.socket === socket) this.onClose(undefined);
    } else if (this.live) socket.send('{"type":"ping"}');
  }

  private onFrame(frame: ServerFrame, asked: ResumePoint | undefined): void {
    if ("seq" in frame) this.newest = Math.max(this.newest, frame.seq);
    if (frame.type === "welcome") this.onWelcome(frame, asked);
    else if (frame.type === "message") {
      const { type: _, ...message } = frame;
      this.events.push({ kind: "received", message });
      if (this.resumePoint !== undefined && message.seq > this.resumePoint.after)
        this.resumePoint = { ...this.resumePoint, after: message.seq };
    } else if (frame.type === "ack") {
      this.unacked.delete(frame.id);
      this.events.push({ kind: "acked", id: frame.id, seq: frame.seq, duplicate: frame.duplicate === true });
      if (this.options.random.between(1, REPEAT_ONE_IN) === 1) this.resend(frame.id);
    } else if (frame.type === "presence")
      this.events.push({ kind: "presence", user: frame.user, state: frame.state });
    else if (frame.type === "error") this.onError(frame);
  }

  private onWelcome(frame: ServerFrameOf<"welcome">, asked: ResumePoint | undefined): void {
    const { seq, epoch, resumed, lost } = frame;
    this.events.push(joinedEvent(frame, asked));
    const from = resumed && asked !== undefined ? (lost?.last ?? asked.after) : seq;
    this.resumePoint = { after: from, epoch };
    this.connections++;
    this.failures = 0;
    this.live = true;
    for (const id of this.unacked) this.resend(id);
  }

  /** `unavailable` means that the outcome is unknown and the client may retry; no other error may come. */
  private onError({ code, message, id }: ServerFrameOf<"error">): void {
    if (code !== "unavailable") this.events.push({ kind: "refused", code, text: message });
    else if (id !== undefined) setTimeout(() => this.unacked.has(id) && this.resend(id), BACKOFF_INITIAL_MS);
  }

  private sendLoop(): void {
    if (!this.sending) return;
    const { pace, random } = this.options;
    if (this.live && this.unacked.size < pace.window) this.sendNew();
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

  private send(id: string): void {
    this.socket?.send(JSON.stringify({ type: "message", id, text: this.texts.get(id) }));
  }
}

/** A welcome as a record holds it. */
export function joinedEvent(
  { seq, epoch, resumed, lost, present }: ServerFrameOf<"welcome">,
  asked: ResumePoint | undefined,
): ClientEvent {
  const users = present.map(({ user }) => user);
  return { kind: "joined", asked, seq, epoch, resumed, present: users, ...(lost !== undefined && { lost }) };
}
