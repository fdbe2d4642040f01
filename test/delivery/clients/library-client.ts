import { connect } from "../../../src/client/connect.ts";
import type { Conversation } from "../../../src/client/conversation.ts";
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
  private conversation: Conversation | undefined;
  private lastReceived = 0;
  private sentCount = 0;
  private sending = true;

  constructor(private readonly options: DeliveryClientOptions) {
    const { name, user, conversation } = options;
    // Acks come by promises and messages by a loop, each in its own time.
    this.record = { name, user, conversation, inLine: false, events: this.events };
  }

  start(): void {
    const { url, token, conversation: id } = this.options;
    const trace = (direction: "sent" | "received", text: string) => this.onFrame(direction, JSON.parse(text));
    const conversation = connect({ url, token, sendRate: 0, trace, ...CLIENT_TIMEOUTS_MS }).conversation(id);
    this.conversation = conversation;
    conversation.on("status", (state) => {
      if (state.state !== "waiting" || state.firm) return;
      // `reconnect` would also reopen a connection that was closed meanwhile.
      const clickReconnect = () => conversation.status.state === "waiting" && conversation.reconnect();
      setTimeout(clickReconnect, this.options.random.between(0, MAX_RECONNECT_CLICK_MS));
    });
    void this.read(conversation);
    this.sendLoop(conversation);
  }

  stopSending(): void {
    this.sending = false;
  }

  isSettled(newest: number): boolean {
    const { conversation } = this;
    return (
      conversation?.status.state === "live" &&
      conversation.pending.length === 0 &&
      this.lastReceived >= newest
    );
  }

  close(): void {
    this.sending = false;
    void this.conversation?.close();
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

  /** The library does not report `welcome`; where its messages must begin is only visible on the socket. */
  private onFrame(direction: "sent" | "received", frame: ServerFrame): void {
    if (direction === "sent") {
      if (frame.type !== "message") return;
      if (this.ids.has(frame.id)) this.repeats++;
      this.ids.add(frame.id);
      return;
    }
    if ("seq" in frame && frame.type !== "read") this.newest = Math.max(this.newest, frame.seq);
    if (frame.type === "presence")
      this.events.push({ kind: "presence", user: frame.user, state: frame.state });
    if (frame.type !== "welcome") return;
    const position = this.conversation?.position;
    const asked = position && { after: position.seq, epoch: position.epoch };
    if (asked === undefined || !frame.resumed) this.lastReceived = frame.seq;
    this.connections++;
    this.events.push(joinedEvent(frame, asked));
  }

  private sendLoop(conversation: Conversation): void {
    if (!this.sending) return;
    const { pace, random, name } = this.options;
    // Before the first welcome nothing can be recorded of where it begins.
    if (conversation.pending.length < pace.window && this.connections > 0) {
      const id = `${name}.${++this.sentCount}`;
      const text = `text of ${id}`;
      this.events.push({ kind: "sent", id, text });
      void this.send(conversation, id, text);
    }
    setTimeout(() => this.sendLoop(conversation), random.between(0, pace.pause));
  }

  private async send(conversation: Conversation, id: string, text: string): Promise<void> {
    try {
      const { seq, duplicate = false } = await conversation.send(text, { id });
      this.events.push({ kind: "acked", id, seq, duplicate });
      if (this.options.random.between(1, REPEAT_ONE_IN) === 1 && this.sending)
        await this.send(conversation, id, text);
    } catch (error) {
      this.onRefused(error);
    }
  }

  private onRefused(error: unknown): void {
    const code = (error as { code?: string }).code ?? "error";
    this.events.push({ kind: "refused", code, text: String(error) });
  }
}
