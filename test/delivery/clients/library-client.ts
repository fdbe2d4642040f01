import { type Conversation, connect, type Parley } from "../../../src/client/index.ts";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import type { ClientEvent, ClientRecord } from "../record.ts";
import { type DeliveryClient, type DeliveryClientOptions, joinedEvent } from "./wire-client.ts";

/** Milliseconds: a run is too short for the library's own inactivity timeout. */
const CLIENT_TIMEOUTS_MS = { pingAfter: 500, pingAnswer: 1_000, welcomeWait: 2_000 };

/** Longest time, in milliseconds, after which the user presses "reconnect" while the library waits. */
const MAX_RECONNECT_CLICK_MS = 400;

/** One message in so many is sent again under its id after it was acked: that must change nothing (D3). */
const REPEAT_ONE_IN = 25;

/** A client made of the published library, as an application uses it: it records what the library reports. */
export class LibraryClient implements DeliveryClient {
  readonly record: ClientRecord;
  connections = 0;
  repeats = 0;
  newest = 0;
  private readonly events: ClientEvent[] = [];
  private readonly ids = new Set<string>();
  private parley: Parley | undefined;
  private conversation: Conversation | undefined;
  private isTimeNamed = false;
  private lastReceived = 0;
  private sentCount = 0;
  private sending = true;
  /** Calls of `send` that have no result yet. */
  private unacked = 0;

  constructor(private readonly options: DeliveryClientOptions) {
    const { name, user, conversation } = options;
    // Acks come by promises and messages by a loop, each in its own time.
    this.record = { name, user, conversation, inLine: false, events: this.events };
  }

  start(): void {
    const { url, token, conversation: id } = this.options;
    const trace = (direction: "sent" | "received", text: string) => this.onFrame(direction, JSON.parse(text));
    const parley = connect({ url, token, limits: { sendRate: 0 }, trace, timing: CLIENT_TIMEOUTS_MS });
    const conversation = parley.conversation(id);
    this.parley = parley;
    this.conversation = conversation;
    parley.status.subscribe(({ state }) => {
      // After `closing` with a time the server wants its clients to come back at different moments.
      if (state !== "waiting" || this.isTimeNamed) return;
      // `reconnect` would also reopen a connection that was closed meanwhile.
      const clickReconnect = () => parley.status.getSnapshot().state === "waiting" && parley.reconnect();
      setTimeout(clickReconnect, this.options.random.between(0, MAX_RECONNECT_CLICK_MS));
    });
    void this.read(conversation);
    this.sendLoop(conversation);
  }

  stopSending(): void {
    this.sending = false;
  }

  get isOpen(): boolean {
    return this.conversation?.status.getSnapshot().state === "live";
  }

  /** It is never away for long. */
  stopAbsences(): void {}

  isSettled(newest: number): boolean {
    return this.isOpen && this.unacked === 0 && this.lastReceived >= newest;
  }

  close(): void {
    this.sending = false;
    void this.parley?.close();
  }

  private async read(conversation: Conversation): Promise<void> {
    try {
      for await (const message of conversation) {
        this.lastReceived = message.seq;
        this.events.push({ kind: "received", message });
      }
    } catch (error) {
      this.onRefused(error);
    }
  }

  /** The library does not report `opened`; where its messages must begin is only visible on the socket. */
  private onFrame(direction: "sent" | "received", frame: ServerFrame): void {
    if (direction === "sent") {
      if (frame.type !== "message") return;
      if (this.ids.has(frame.id)) this.repeats++;
      this.ids.add(frame.id);
      return;
    }
    if ("seq" in frame && frame.seq !== undefined && frame.type !== "read")
      this.newest = Math.max(this.newest, frame.seq);
    if (frame.type === "presence")
      this.events.push({ kind: "presence", user: frame.user, state: frame.state });
    if (frame.type === "welcome") this.isTimeNamed = false;
    if (frame.type === "closing") this.isTimeNamed = frame.retry_after !== undefined;
    if (frame.type !== "opened") return;
    const place = this.conversation?.place;
    const asked = place && { after: place.seq, epoch: place.epoch };
    if (asked === undefined || !frame.resumed) this.lastReceived = frame.seq;
    this.connections++;
    this.events.push(joinedEvent(frame, asked));
  }

  private sendLoop(conversation: Conversation): void {
    if (!this.sending) return;
    const { pace, random, name } = this.options;
    // Before the first opening nothing can be recorded of where it begins.
    if (this.unacked < pace.window && this.connections > 0) {
      const id = `${name}.${++this.sentCount}`;
      const text = `text of ${id}`;
      this.events.push({ kind: "sent", id, text });
      void this.send(conversation, id, text);
    }
    setTimeout(() => this.sendLoop(conversation), random.between(0, pace.pause));
  }

  private async send(conversation: Conversation, id: string, text: string): Promise<void> {
    this.unacked++;
    try {
      const { seq, duplicate = false } = await conversation.send(text, { id });
      this.events.push({ kind: "acked", id, seq, duplicate });
      if (this.options.random.between(1, REPEAT_ONE_IN) === 1 && this.sending)
        await this.send(conversation, id, text);
    } catch (error) {
      this.onRefused(error);
    } finally {
      this.unacked--;
    }
  }

  private onRefused(error: unknown): void {
    const code = (error as { code?: string }).code ?? "error";
    this.events.push({ kind: "refused", code, text: String(error) });
  }
}
