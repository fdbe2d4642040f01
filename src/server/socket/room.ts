import type { Ending } from "../../core/closing.ts";
import type { Listening } from "../../core/engine.ts";
import { Roster, together, withMarks } from "../../core/presence.ts";
import type { RelayRoom } from "../../core/relay.ts";
import { TypingBoard } from "../../core/typing.ts";
import type { PresentUser } from "../../protocol/server-frames.ts";
import { BROADCAST_FROM, Broadcast, type Publish } from "./broadcast.ts";
import { Ring } from "./ring.ts";

/** What the hub sees of a connection. */
export interface Listener {
  readonly user: string;
  /** Whether its socket can be published to, and nothing delivered before waits to go there first. */
  readonly canTuneIn: boolean;
  /** Queues one encoded frame. */
  deliver(frame: string): void;
  /** Has it hear what is published under `topic`. */
  tuneIn(topic: string): void;
  /** Has it hear nothing more of `topic`. What was published before reaches it before anything delivered after. */
  tuneOut(topic: string): void;
  /** Ends it when too much is unsent to it. */
  lookAtUnsent(): void;
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
  /** Connections that hear every message, each told on its own. */
  private live: Listener[] = [];
  /** Those that hear it together; made when there is something to say to many. */
  private broadcast: Broadcast | undefined;
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
  /** How often another epoch has begun since the room was made. */
  losses = 0;
  /** Empty until the room is open. */
  epoch = "";
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
    private readonly publish: Publish,
  ) {
    this.listening = opening;
    this.roster = new Roster(grace);
  }

  /** How many connections hear every message. */
  get hearing(): number {
    return this.live.length + (this.broadcast?.size ?? 0);
  }

  get isEmpty(): boolean {
    if (this.hearing > 0 || this.behind !== undefined || this.arriving > 0) return false;
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

  /** Takes note of a message of `user` and gives its frame to all who are up to date. */
  say(seq: number, user: string, frame: string, now: number): void {
    this.ring ??= new Ring(this.seq);
    this.seq = seq;
    this.ringUsedAt = now;
    this.ring.add(seq, frame);
    if (this.live.length >= BROADCAST_FROM) this.broadcast ??= new Broadcast(this.conversation, this.publish);
    if (this.broadcast !== undefined) this.tellTogether(this.broadcast, user, frame, now);
    for (const listener of this.live) listener.deliver(frame);
  }

  private tellTogether(broadcast: Broadcast, user: string, frame: string, now: number): void {
    const speaking = broadcast.speaks(user, now);
    this.live = broadcast.tuneIn(this.live);
    this.live.push(...speaking);
    broadcast.send(frame);
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
    for (const listener of this.everybody()) if (isFor(listener)) listener.deliver(frame);
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
    return takeOut(this.live, listener) || this.broadcast?.take(listener) || this.takeBehind(listener);
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

  /** Gives up frames that nobody is likely to come back for, and who spoke long ago. */
  forget(now: number): void {
    if (now >= this.ringUsedAt + RING_KEPT) this.ring = undefined;
    this.broadcast?.forgetSpeakers(now);
  }

  /** Another epoch begins; messages to come follow `seq`. Answers the connections that were shown what is gone. */
  restart(seq: number, epoch: string): Listener[] {
    this.seq = seq;
    this.epoch = epoch;
    this.losses++;
    this.ring = undefined;
    this.marks = undefined;
    this.earlyMarks = undefined;
    return this.everybody();
  }

  /** Forgets who is there, and who types. Answers the users who were. */
  clearRoster(): string[] {
    this.board = undefined;
    return this.roster.clear();
  }

  /** The users present over all nodes, each with its read mark. `stepped`: how far the machine's clock was set since the start. */
  present(stepped: number): PresentUser[] {
    const here = this.roster.list().map((one) => ({ ...one, since: one.since + stepped }));
    const present = this.relay === undefined ? here : together(here, this.relay.elsewhere());
    return withMarks(present, this.marks ?? NO_MARKS);
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

  private everybody(): Listener[] {
    return [...this.live, ...(this.broadcast?.listeners ?? []), ...(this.behind ?? [])];
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
