import type { ServerFrame } from "../../../src/protocol/server-frames.ts";
import type { InboxState } from "../record.ts";
import { type LineOptions, WireLine } from "./wire-line.ts";

/** More than the conversations of a run: one page is the whole list. */
const PAGE_LIMIT = 200;

/** Milliseconds until the list is asked for again while the store is away. */
const RETRY_MS = 200;

type Item = Extract<ServerFrame, { type: "inbox_item" }>["item"];

/** A socket of a user that keeps the live inbox, as docs/PROTOCOL.md has it: it returns with its position after each cut. */
export class InboxWatcher extends WireLine {
  /** What the server refused in a way that no fault of a run explains. */
  readonly refusals: string[] = [];
  private readonly items = new Map<string, Item>();
  private position: string | undefined;
  private totals = { unread_total: 0, unread_conversations: 0 };

  constructor(options: LineOptions) {
    super(options);
  }

  get user(): string {
    return this.options.user;
  }

  /** The list as the frames have made it. */
  get state(): InboxState {
    const items = [...this.items.values()].flatMap((item) =>
      "removed" in item
        ? []
        : [{ conversation: item.conversation, seq: item.seq, read: item.read, unread: item.unread }],
    );
    return { items, ...this.totals };
  }

  end(): void {
    this.close();
  }

  protected path() {
    return { path: `/ws/${this.options.user}`, query: "" };
  }

  protected receive(frame: ServerFrame): void {
    if (frame.type === "welcome") this.ask();
    else if (frame.type === "error") this.onError(frame.code, frame.message);
    else if (frame.type === "inbox") {
      if (frame.reset === true) this.items.clear();
      for (const item of frame.items) this.take(item);
      this.note(frame);
    } else if (frame.type === "inbox_item") {
      this.take(frame.item);
      this.note(frame);
    }
  }

  protected lost(): void {}

  protected refused(code: string, text: string): void {
    this.refusals.push(`${this.user} got \`${code}\`: ${text}`);
  }

  private take(item: Item): void {
    if ("removed" in item) this.items.delete(item.conversation);
    else this.items.set(item.conversation, item);
  }

  private note(frame: { position: string; unread_total: number; unread_conversations: number }): void {
    this.position = frame.position;
    const { unread_total, unread_conversations } = frame;
    this.totals = { unread_total, unread_conversations };
  }

  private ask(): void {
    const after = this.position === undefined ? {} : { after: this.position };
    this.transmit({ type: "inbox", limit: PAGE_LIMIT, ...after });
  }

  private onError(code: string, text: string): void {
    const { socket } = this;
    if (code !== "unavailable") this.refused(code, text);
    else setTimeout(() => socket === this.socket && this.ask(), RETRY_MS);
  }
}
