import type { ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";
import { type LineOptions, WireLine } from "../clients/wire-line.ts";
import {
  type AskedChange,
  applyChange,
  type ChangeAnswer,
  type ChangingRecord,
  type HeldMessage,
} from "./change-record.ts";

export interface ChangingClientOptions extends LineOptions {
  readonly conversation: string;
  /** Whether it uses the socket of a user. */
  readonly isUser: boolean;
  /** Whether the store can lose what was acked. */
  readonly loses: boolean;
}

/** Milliseconds between two requests, at most; the shortest is none. */
const MAX_PAUSE_MS = 60;

/** Milliseconds until a request is sent again that was refused for a moment. */
const RETRY_MS = 40;

/** Changes are made of the newest messages. */
const CHANGED_MESSAGES = 8;

const REACTIONS = ["👍", "❤️", "constructor"];

/** Requests are answered one after the other; a change without an answer is sent again under its id. */
export class ChangingClient extends WireLine {
  readonly refusals: string[] = [];
  readonly answers: ChangeAnswer[] = [];
  private readonly held = new Map<number, HeldMessage>();
  private newest = 0;
  private oldest: number | undefined;
  private unanswered = 0;
  private epoch: string | undefined;
  private isOpen = false;
  private isStopping = false;
  private waiting: { readonly frame: object; readonly change: AskedChange | undefined } | undefined;
  private requests = 0;
  private rev = 0;

  constructor(protected override readonly options: ChangingClientOptions) {
    super(options);
  }

  get conversation(): string {
    return this.options.conversation;
  }

  get isSettled(): boolean {
    return this.isStopping && this.waiting === undefined && this.isOpen;
  }

  /** Whether it has seen all messages up to there. */
  hasSeen(seq: number): boolean {
    return this.isOpen && this.newest >= seq;
  }

  get record(): ChangingRecord {
    const { conversation, user, isUser } = this.options;
    const { answers, unanswered, held, rev } = this;
    return { name: `${user}${isUser ? " (user)" : ""}`, conversation, user, answers, unanswered, held, rev };
  }

  stopAsking(): void {
    this.isStopping = true;
  }

  end(): void {
    this.close();
  }

  protected path() {
    const { user, conversation, isUser } = this.options;
    if (isUser) return { path: `/ws/${user}`, query: "" };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.place())) query.set(name, String(value));
    return { path: `/ws/${user}/${conversation}`, query: query.size === 0 ? "" : `&${query}` };
  }

  protected receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        if (this.options.isUser) this.open();
        else this.opened(frame);
        break;
      case "opened":
        this.opened(frame);
        break;
      case "closed":
        this.isOpen = false;
        if (frame.retry_after !== undefined) setTimeout(() => this.open(), frame.retry_after * 1000);
        break;
      case "message":
        this.hold(frame);
        break;
      case "history":
        for (const message of frame.messages) this.hold(message);
        break;
      case "change":
        this.change(frame);
        break;
      case "ack":
        if (frame.id !== undefined)
          this.answered(frame.id, { rev: frame.rev, duplicate: frame.duplicate === true });
        break;
      case "error":
        this.onError(frame);
        break;
      default:
        break;
    }
  }

  protected lost(): void {
    this.isOpen = false;
  }

  protected refused(code: string, text: string): void {
    this.refusals.push(`${this.record.name} was closed with ${code}: ${text}`);
  }

  private place() {
    const { epoch, newest: after, rev, oldest } = this;
    return epoch === undefined ? {} : { after, epoch, rev, ...(oldest !== undefined && { oldest }) };
  }

  private open(): void {
    const { conversation } = this.options;
    this.send({ type: "open", conversations: [{ conversation, ...this.place() }] });
  }

  private opened({ seq, epoch, rev, reread }: ServerFrameOf<"welcome"> | ServerFrameOf<"opened">): void {
    if (epoch !== this.epoch) {
      // The first time, or the store has lost messages: nothing that was held counts any more.
      this.newest = seq;
      this.rev = rev;
      this.oldest = undefined;
      this.held.clear();
      if (this.waiting?.change !== undefined) {
        this.waiting = undefined;
        this.unanswered++;
      }
    }
    if (reread) this.refusals.push(`${this.record.name} was asked to read again after few changes`);
    this.epoch = epoch;
    this.isOpen = true;
    if (this.waiting !== undefined) this.send(this.waiting.frame);
    else this.ask();
  }

  private hold(message: { readonly seq: number }): void {
    const { type: _, conversation: __, ...fields } = message as HeldMessage;
    this.oldest ??= message.seq;
    this.newest = Math.max(this.newest, message.seq);
    this.held.set(message.seq, fields as HeldMessage);
  }

  private change(frame: ServerFrameOf<"change">): void {
    this.rev = Math.max(this.rev, frame.rev);
    const message = this.held.get(frame.seq);
    if (message === undefined || frame.rev <= Number(message.rev ?? 0)) return;
    this.held.set(frame.seq, applyChange(message, frame));
  }

  private ask(): void {
    if (this.isStopping || this.waiting !== undefined || !this.isOpen) return;
    const id = `${this.options.isUser ? "u" : "r"}${this.requests++}`;
    const change = this.options.random.next() < 0.5 ? undefined : this.nextChange(id);
    this.waiting = { change, frame: change ?? { type: "message", id, text: this.text(id) } };
    this.send(this.waiting.frame);
  }

  private nextChange(id: string): AskedChange | undefined {
    const { random, user } = this.options;
    const messages = [...this.held.values()].slice(-CHANGED_MESSAGES);
    if (messages.length === 0) return undefined;
    const message = random.pick(messages);
    const { seq } = message;
    const kind = random.next();
    if (message.from !== user || kind < 0.5)
      return { type: "react", seq, id, reaction: random.pick(REACTIONS), on: random.next() < 0.6 };
    if (kind < 0.9) return { type: "edit", seq, id, text: this.text(id) };
    return { type: "erase", seq, id };
  }

  /** A text that is found in files if it is there. */
  private text(id: string): string {
    const { user, conversation } = this.options;
    return `secret ${conversation} ${user} ${id} .`;
  }

  private answered(id: string, answer: { rev: number | undefined; duplicate: boolean; code?: string }): void {
    const { waiting } = this;
    if (waiting === undefined || (waiting.frame as { id: string }).id !== id) return;
    if (waiting.change !== undefined)
      this.answers.push({ asked: waiting.change, epoch: this.epoch!, ...answer });
    this.waiting = undefined;
    setTimeout(() => this.ask(), this.options.random.between(0, MAX_PAUSE_MS));
  }

  private onError({ code, message, id, retry_after }: ServerFrameOf<"error">): void {
    // The server closes the socket with a time to come back.
    if (code === "unavailable" && id === undefined && retry_after === undefined) return;
    if (id === undefined && retry_after !== undefined) setTimeout(() => this.open(), retry_after * 1000);
    else if (retry_after !== undefined)
      setTimeout(() => this.waiting && this.send(this.waiting.frame), RETRY_MS);
    // Another device of the user, or this one before, has erased the message; or the store has lost it a moment ago.
    else if ((code === "erased" || (code === "not_found" && this.options.loses)) && id !== undefined)
      this.answered(id, { rev: undefined, duplicate: false, code });
    else this.refusals.push(`${this.record.name}: ${code}: ${message}`);
  }

  private send(frame: object): void {
    const { isUser, conversation } = this.options;
    const named = isUser && !("conversations" in frame) ? { ...frame, conversation } : frame;
    if (this.welcomed) this.transmit(named);
  }
}
