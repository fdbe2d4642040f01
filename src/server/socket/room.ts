import type { Ending } from "../../core/closing.ts";
import type { Listening } from "../../core/engine.ts";
import { Roster, together, withMarks } from "../../core/presence.ts";
import type { RelayRoom } from "../../core/relay.ts";
import { TypingBoard } from "../../core/typing.ts";
import type { Member } from "../../protocol/server-frames.ts";
import { Ring } from "./ring.ts";

/** What the hub sees of a connection. */
export interface Listener {
  readonly user: string;
  /** Queues one encoded frame. */
  deliver(frame: string): void;
  /** Ends the connection. */
  end(ending: Ending): void;
}

/** How long a ring is kept after it was last added to, in milliseconds: who stays away longer asks the store. */
const RING_KEPT = 60_000;

/**
 * A conversation that somebody on this node listens to. What few rooms need is made when it is needed, and arrays stand
 * where sets could: most rooms are small, and there are many.
 */
export class Room {
  /** Connections that hear every message. */
  readonly live: Listener[] = [];
  /** Connections that are being sent what they missed; they hear of everything but messages. */
  private behind: Listener[] | undefined;
  readonly roster: Roster;
  /** The engine's answer; a promise until the room is open. */
  listening: Listening | Promise<void>;
  /** The conversation as nodes share it; undefined until the room is open. */
  relay: RelayRoom | undefined;
  /** Connections that wait to join; the room is not given up while there are any. */
  arriving = 0;
  seq = 0;
  private marks: ReadonlyMap<string, number> | undefined;
  /** Marks that other nodes told of before all were read. */
  private earlyMarks: Map<string, number> | undefined;
  private ring: Ring | undefined;
  private ringUsedAt = 0;
  private board: TypingBoard | undefined;

  constructor(
    readonly conversation: string,
    opening: Promise<void>,
    grace: number,
  ) {
    this.listening = opening;
    this.roster = new Roster(grace);
  }

  get isEmpty(): boolean {
    if (this.live.length > 0 || this.behind !== undefined || this.arriving > 0) return false;
    // Other nodes are still to hear who has left.
    return !(this.relay?.isShared === true && this.roster.waits);
  }

  /** Whether a user is there through another node. */
  isElsewhere(user: string): boolean {
    return this.relay?.elsewhere().has(user) ?? false;
  }

  /** Whether anybody types, or did a moment ago. */
  get hasTypists(): boolean {
    return this.board !== undefined;
  }

  /** Whether `settle` has something to look after. */
  get waits(): boolean {
    return this.roster.waits || this.board !== undefined || this.ring !== undefined;
  }

  /** Takes note of a message and gives its frame to all who are up to date. */
  say(seq: number, frame: string, now: number): void {
    this.ring ??= new Ring(this.seq);
    this.seq = seq;
    this.ringUsedAt = now;
    this.ring.add(seq, frame);
    for (const listener of this.live) listener.deliver(frame);
  }

  /** Takes note of frames that were read from the store, up to the message `last`: who comes back next wants them, too. */
  remember(last: number, frames: readonly string[], now: number): void {
    this.ring ??= new Ring(this.seq);
    this.ring.reachBack(last, frames);
    this.ringUsedAt = now;
  }

  /** The frames after `seq`, as far as they are here; undefined when the store must be asked. */
  framesAfter(seq: number): readonly string[] | undefined {
    return seq === this.seq ? [] : this.ring?.after(seq);
  }

  /** Gives a frame that is no message to everybody whom `isFor` does not leave out. */
  announce(frame: string, isFor: (listener: Listener) => boolean = () => true): void {
    for (const listener of this.live) if (isFor(listener)) listener.deliver(frame);
    for (const listener of this.behind ?? []) if (isFor(listener)) listener.deliver(frame);
  }

  /** Has a connection hear every message from now on. */
  addLive(listener: Listener): void {
    this.takeBehind(listener);
    this.live.push(listener);
  }

  /** Has a connection hear of everything but messages, until it has caught up. */
  addBehind(listener: Listener): void {
    this.behind ??= [];
    this.behind.push(listener);
  }

  /** Takes a connection out; answers whether it was there. */
  remove(listener: Listener): boolean {
    return takeOut(this.live, listener) || this.takeBehind(listener);
  }

  setTyping(user: string, active: boolean, now: number): void {
    if (this.board === undefined && !active) return;
    this.board ??= new TypingBoard();
    this.board.set(user, active, now);
  }

  /** As `setTyping`, for a user of this node; answers whether the other nodes should hear it. */
  type(user: string, active: boolean, now: number): boolean {
    if (this.board === undefined && !active) return false;
    this.board ??= new TypingBoard();
    return this.board.type(user, active, now);
  }

  /** What has changed by `now` in who types. */
  typingChanges(now: number): readonly { user: string; active: boolean }[] {
    const changes = this.board?.changes(now) ?? [];
    if (this.board?.waits === false) this.board = undefined;
    return changes;
  }

  /** Gives up frames that nobody is likely to come back for. */
  forgetFrames(now: number): void {
    if (now >= this.ringUsedAt + RING_KEPT) this.ring = undefined;
  }

  /** The store has lost messages; those to come follow `seq`. Answers the connections that were shown what is gone. */
  restart(seq: number): Listener[] {
    this.seq = seq;
    this.ring = undefined;
    this.marks = undefined;
    return [...this.live, ...(this.behind ?? [])];
  }

  /** The members over all nodes, each with its read mark. */
  members(): Member[] {
    const here = this.roster.list();
    const members = this.relay === undefined ? here : together(here, this.relay.elsewhere());
    return withMarks(members, this.marks ?? NO_MARKS);
  }

  /** Takes over the read marks as they are kept. */
  async loadMarks(read: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    if (this.marks !== undefined) return;
    const marks = await read();
    this.marks ??= marks.size === 0 ? NO_MARKS : marks;
    const early = this.earlyMarks ?? NO_MARKS;
    this.earlyMarks = undefined;
    for (const [user, seq] of early) this.setMark(user, seq);
  }

  /** Moves a user's read mark forward; answers whether it stood before `seq`. */
  setMark(user: string, seq: number): boolean {
    if (this.marks === undefined) {
      this.earlyMarks ??= new Map();
      this.earlyMarks.set(user, Math.max(seq, this.earlyMarks.get(user) ?? 0));
      return true;
    }
    if ((this.marks.get(user) ?? 0) >= seq) return false;
    this.marks = new Map(this.marks).set(user, seq);
    return true;
  }

  private takeBehind(listener: Listener): boolean {
    if (this.behind === undefined || !takeOut(this.behind, listener)) return false;
    if (this.behind.length === 0) this.behind = undefined;
    return true;
  }
}

// One for all rooms in which nobody has read anything.
const NO_MARKS: ReadonlyMap<string, number> = new Map();

/** Takes `item` out of `list`, whose order does not count; answers whether it was there. */
function takeOut<T>(list: T[], item: T): boolean {
  const place = list.indexOf(item);
  if (place < 0) return false;
  const last = list.pop()!;
  if (last !== item) list[place] = last;
  return true;
}
