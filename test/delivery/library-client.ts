import { connect } from "../../src/client/connect.ts";
import type { Conversation } from "../../src/client/conversation.ts";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { type DeliveryClient, type DeliveryClientParts, joined } from "./client.ts";
import type { ClientEvent, ClientRecord } from "./record.ts";

/** Milliseconds: a run is too short for the library's own patience with quiet lines. */
const PATIENCE = { pingAfter: 500, pingAnswer: 1_000, welcomeWait: 2_000 };

/** Longest time, in milliseconds, after which the user presses "reconnect" while the library waits. */
const USER_PATIENCE = 400;

/** One message in so many is sent again under its id after it was acked: that must change nothing (D3). */
const REPEAT_ONE_IN = 25;

/** A client made of the published library, as an application uses it: what it tells the application is recorded. */
export class LibraryClient implements DeliveryClient {
  readonly record: ClientRecord;
  connections = 0;
  repeats = 0;
  newest = 0;
  private readonly events: ClientEvent[] = [];
  private readonly ids = new Set<string>();
  private conversation: Conversation | undefined;
  private heard = 0;
  private said = 0;
  private talking = true;

  constructor(private readonly parts: DeliveryClientParts) {
    const { name, user, conversation } = parts;
    // Acks come by promises and messages by a loop, each in its own time.
    this.record = { name, user, conversation, inLine: false, events: this.events };
  }

  start(): void {
    const { url, token, conversation: id } = this.parts;
    const trace = (direction: "sent" | "received", text: string) => this.onFrame(direction, JSON.parse(text));
    const conversation = connect({ url, token, sendRate: 0, trace, ...PATIENCE }).conversation(id);
    this.conversation = conversation;
    conversation.on("status", (state) => {
      if (state.state !== "waiting" || state.firm) return;
      // `reconnect` would also open again what was closed meanwhile.
      const press = () => conversation.status.state === "waiting" && conversation.reconnect();
      setTimeout(press, this.parts.random.between(0, USER_PATIENCE));
    });
    void this.read(conversation);
    this.talk(conversation);
  }

  quiet(): void {
    this.talking = false;
  }

  settled(newest: number): boolean {
    const { conversation } = this;
    return conversation?.status.state === "live" && conversation.pending.length === 0 && this.heard >= newest;
  }

  leave(): void {
    this.talking = false;
    void this.conversation?.close();
  }

  private async read(conversation: Conversation): Promise<void> {
    try {
      for await (const message of conversation) {
        this.heard = message.seq;
        this.events.push({ what: "heard", message });
      }
    } catch (error) {
      this.refused(error);
    }
  }

  /** The library tells the application of no `welcome`; where its messages must begin, only the line shows. */
  private onFrame(direction: "sent" | "received", frame: ServerFrame): void {
    if (direction === "sent") {
      if (frame.type !== "message") return;
      if (this.ids.has(frame.id)) this.repeats++;
      this.ids.add(frame.id);
      return;
    }
    if ("seq" in frame && frame.type !== "read") this.newest = Math.max(this.newest, frame.seq);
    if (frame.type === "presence")
      this.events.push({ what: "presence", user: frame.user, state: frame.state });
    if (frame.type !== "welcome") return;
    const position = this.conversation?.position;
    const asked = position && { after: position.seq, epoch: position.epoch };
    if (asked === undefined || !frame.resumed) this.heard = frame.seq;
    this.connections++;
    this.events.push(joined(frame, asked));
  }

  private talk(conversation: Conversation): void {
    if (!this.talking) return;
    const { pace, random, name } = this.parts;
    // Before the first welcome nothing can be recorded of where it begins.
    if (conversation.pending.length < pace.window && this.connections > 0) {
      const id = `${name}.${++this.said}`;
      const text = `text of ${id}`;
      this.events.push({ what: "sent", id, text });
      void this.send(conversation, id, text);
    }
    setTimeout(() => this.talk(conversation), random.between(0, pace.pause));
  }

  private async send(conversation: Conversation, id: string, text: string): Promise<void> {
    try {
      const { seq, duplicate = false } = await conversation.send(text, { id });
      this.events.push({ what: "acked", id, seq, duplicate });
      if (this.parts.random.between(1, REPEAT_ONE_IN) === 1 && this.talking)
        await this.send(conversation, id, text);
    } catch (error) {
      this.refused(error);
    }
  }

  private refused(error: unknown): void {
    const code = (error as { code?: string }).code ?? "error";
    this.events.push({ what: "refused", code, text: String(error) });
  }
}
