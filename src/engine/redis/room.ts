import type { Head, Listening, MessageListener } from "../../core/engine.ts";
import { relationOf } from "../../core/epoch.ts";
import type { Message } from "../../protocol/server-frames.ts";
import type { EngineLog } from "../engine-log.ts";
import type { Announcement } from "./messages.ts";
import type { Known } from "./work.ts";

/** How far a conversation reaches, and the time of its newest message. */
export interface RoomHead extends Head {
  readonly at: number;
}

/** What a room asks of the store. Both answer undefined where it cannot be asked now, and MUST NOT reject. */
export interface RoomStore {
  /** How far the conversation reaches; a store that has not what is `known` begins a new epoch. */
  head(conversation: string, known: Pick<Known, "seq" | "at" | "epoch">): Promise<RoomHead | undefined>;
  /** Messages with first ≤ seq ≤ last, some of the oldest of them. */
  read(conversation: string, first: number, last: number): Promise<readonly Message[] | undefined>;
  /** Nobody listens to the room any more. */
  ended(room: Room): void;
  /** The room has another epoch: messages that were told may be gone, or it was removed. The next one follows `room.told`. */
  changed(room: Room): void;
  readonly log: EngineLog;
}

/** An answer of this node's own that is told after the message it belongs to, and after those before it. */
export interface Held {
  /** The message it belongs to; 0 where it belongs to none. */
  readonly seq: number;
  /** The message itself, where this node brought it. */
  readonly message: Message | undefined;
  done(): void;
  /** What it belongs to could not be told: the sender may try again. */
  refuse(): void;
}

/** How long a gap may be one of two connections that are read one after the other, in milliseconds. */
const GAP_PATIENCE = 5;

/**
 * A conversation that somebody on this node listens to. Messages come in three ways, each of them in its own time: in
 * the answers to this node's posts, announced by other nodes, and from the store where one is missing. They are told in
 * the order of `seq`, each once and without a hole (D1, D5).
 */
export class Room {
  /** The newest `seq` that was told. */
  told = 0;
  epoch = "";
  /** The time of that message; 0 where it is not known. */
  private toldAt = 0;
  /**
   * What was told last before the connection was lost, until the store has shown that it still has it: meanwhile other
   * nodes may carry on with a store that went back, and pass what was told here.
   */
  private proof: Pick<Known, "seq" | "at"> | undefined;
  isOpen = false;
  private listenings: readonly RoomListening[] = [];
  private held: Held[] = [];
  /** Who waits until everything up to `seq` was told. */
  private waiting: { readonly seq: number; readonly resolve: (told: boolean) => void }[] = [];
  /** Messages that are known and cannot be told before those before them. */
  private readonly ahead = new Map<number, Message>();
  /** Announcements that came before the room was open. */
  private early: Announcement[] = [];
  /** The newest `seq` that is known to exist. */
  private newest = 0;
  /**
   * Turns of this node that may store something here and are not answered to the end, the oldest first: the next one begins
   * before that is told. `before` is what was known to exist when the turn began, or was answered since.
   */
  private underWay: { readonly turn: number; before: number }[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private filling = false;
  private ended = false;

  constructor(
    readonly conversation: string,
    private readonly store: RoomStore,
  ) {}

  /** From here on messages above `head.seq` are told. */
  open(head: RoomHead): void {
    this.told = head.seq;
    this.toldAt = head.at;
    this.newest = head.seq;
    this.epoch = head.epoch;
    this.isOpen = true;
    const early = this.early;
    this.early = [];
    for (const announcement of early) this.hear(announcement);
    this.advance();
  }

  add(listener: MessageListener): Listening {
    const listening = new RoomListening(this, listener);
    this.listenings = [...this.listenings, listening];
    return listening;
  }

  remove(listening: RoomListening): void {
    this.listenings = this.listenings.filter((other) => other !== listening);
    if (this.listenings.length === 0) this.end();
  }

  /** A message was announced: by this node, or another. */
  hear(announcement: Announcement): void {
    if (!this.isOpen) {
      this.early.push(announcement);
      return;
    }
    const { epoch, first, last, lines } = announcement;
    if (epoch !== this.epoch) this.changeEpoch({ epoch, seq: first - 1 });
    if (last <= this.told) return;
    this.newest = Math.max(this.newest, last);
    for (const [i, line] of lines.split("\n").entries())
      if (first + i > this.told) this.ahead.set(first + i, JSON.parse(line));
    this.advance();
  }

  /**
   * A turn of this node begins that may store something here. What is stored after it is told after its answers, or a
   * sender would see the ack of one message after a later message.
   */
  beginTurn(turn: number): void {
    if (this.underWay.at(-1)?.turn !== turn) this.underWay.push({ turn, before: this.newest });
  }

  /** All answers of a turn were delivered; nothing is kept back for it any more. */
  endTurn(turn: number): void {
    if (this.underWay[0]?.turn !== turn) return;
    this.underWay.shift();
    this.advance();
  }

  /** Tells what belongs to this node's own request, at once where nothing is missing before it. */
  deliver(answer: Held): void {
    if (this.ended) {
      answer.done();
      return;
    }
    this.newest = Math.max(this.newest, answer.seq);
    const turn = this.underWay[0];
    if (turn !== undefined) turn.before = Math.max(turn.before, answer.seq);
    this.held.push(answer);
    this.advance();
  }

  /** Resolves with true when everything up to `seq` was told, and with false when that cannot be done now. */
  reach(seq: number): Promise<boolean> {
    if (this.ended || seq <= this.told) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.waiting.push({ seq, resolve });
    this.newest = Math.max(this.newest, seq);
    this.advance();
    return promise;
  }

  /** Looks whether the store has what was not announced, or has lost what was. */
  async check(): Promise<void> {
    if (!this.isOpen || this.ended) return;
    const { epoch, proof } = this;
    const head = await this.store.head(this.conversation, this.known);
    // An answer from before another epoch was heard of says nothing about now.
    if (head === undefined || this.ended || epoch !== this.epoch) return;
    if (head.epoch !== this.epoch) this.changeEpoch(head);
    else {
      if (this.proof === proof) this.proof = undefined;
      this.newest = Math.max(this.newest, head.seq);
    }
    this.advance();
  }

  /** Looks what was missed, and resolves when it was told, or cannot be told now. */
  async catchUp(): Promise<void> {
    this.suspect();
    await this.check();
    await this.reach(this.newest);
  }

  /** What the store must have, or it has lost messages. */
  get known(): Pick<Known, "seq" | "at" | "epoch"> {
    const { seq, at } = this.proof ?? { seq: this.told, at: this.toldAt };
    return { seq, at, epoch: this.epoch };
  }

  /** The connection is lost: when it is back, the store may be another. */
  suspect(): void {
    if (this.isOpen) this.proof ??= { seq: this.told, at: this.toldAt };
  }

  /**
   * The conversation was removed (MB6), or the store has lost messages, or this node can't tell them any more (D5): the
   * next one follows `head.seq`.
   */
  changeEpoch(head: Pick<Head, "seq" | "epoch"> & { readonly at?: number }): void {
    if (this.ended) return;
    if (relationOf(this.epoch, head.epoch) !== "removed") this.logLoss(head.seq);
    this.told = head.seq;
    this.toldAt = head.at ?? 0;
    this.proof = undefined;
    this.newest = head.seq;
    this.epoch = head.epoch;
    this.ahead.clear();
    this.refuseHeld();
    this.store.changed(this);
  }

  private logLoss(now: number): void {
    this.store.log.warn("store.messages_lost", {
      conversation: this.conversation,
      last_delivered: this.told,
      last_stored: now,
      advice: "Redis has lost messages, or this node could not get them in time. Who is in the room is told.",
    });
  }

  /** Nothing is told any more; who waits is answered. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    this.store.ended(this);
    const held = this.held;
    this.held = [];
    for (const answer of held) answer.done();
    this.letGo(true);
  }

  /** Tells everything that can be told now, and sees to what is missing. */
  private advance(): void {
    if (!this.isOpen) return;
    while (!this.ended) {
      const next = this.held[0];
      if (next !== undefined && this.reaches(next)) {
        this.held.shift();
        if (next.seq === this.told + 1) this.tell(next.message!);
        next.done();
        continue;
      }
      const message = this.ahead.get(this.told + 1);
      if (message === undefined || message.seq > (this.underWay[0]?.before ?? message.seq)) break;
      this.tell(message);
    }
    if (this.ended || this.filling || !this.hasGap()) return;
    this.timer ??= setTimeout(() => this.fill(), GAP_PATIENCE);
  }

  /** Whether the message that is to be told next has still to come. */
  private hasGap(): boolean {
    return this.newest > this.told && !this.ahead.has(this.told + 1);
  }

  private reaches({ seq, message }: Held): boolean {
    return seq <= this.told || (seq === this.told + 1 && message !== undefined);
  }

  private tell(message: Message): void {
    this.told = message.seq;
    this.toldAt = message.at;
    this.ahead.delete(message.seq);
    for (const listening of this.listenings) this.guarded(() => listening.tell(message));
    if (this.waiting.length > 0) this.letGo(true, message.seq);
  }

  private letGo(told: boolean, upTo = Number.POSITIVE_INFINITY): void {
    const waiting = this.waiting;
    this.waiting = waiting.filter(({ seq }) => seq > upTo);
    for (const { seq, resolve } of waiting) if (seq <= upTo) resolve(told);
  }

  /** Reads from the store what is missing; what came meanwhile by itself is not read. */
  private async fill(): Promise<void> {
    this.timer = undefined;
    if (!this.hasGap() || this.ended) return;
    this.filling = true;
    while (this.hasGap() && !this.ended) {
      const from = this.told + 1;
      const { epoch } = this;
      const messages = await this.store.read(this.conversation, from, this.newest);
      if (this.ended) return;
      if (epoch !== this.epoch) continue;
      if (messages === undefined) {
        // It is tried again when the store is back; until then nobody waits for what may take long.
        this.refuseHeld();
        break;
      }
      // Removed before it could be told, or the store went back: in either case there is a hole.
      if (this.told < from && messages[0]?.seq !== from) {
        const head = await this.store.head(this.conversation, this.known);
        if (head !== undefined && this.told < from && epoch === this.epoch) this.changeEpoch(head);
        break;
      }
      for (const message of messages) if (message.seq > this.told) this.ahead.set(message.seq, message);
      this.advance();
    }
    this.filling = false;
  }

  private refuseHeld(): void {
    const held = this.held;
    this.held = [];
    for (const answer of held) {
      if (answer.seq === 0) answer.done();
      else answer.refuse();
    }
    this.letGo(false);
  }

  /** The fault of one must not keep others from hearing. */
  private guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.store.log.error("engine.listener_failed", { error: String(error) });
    }
  }
}

/** A class, because there is one for each conversation in use, and closures are dear. */
class RoomListening implements Listening {
  readonly seq: number;
  readonly epoch: string;
  private stopped = false;

  constructor(
    private readonly room: Room,
    private readonly listener: MessageListener,
  ) {
    this.seq = room.told;
    this.epoch = room.epoch;
  }

  tell(message: Message): void {
    if (!this.stopped) this.listener(this.room.conversation, message);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.room.remove(this);
  }
}
