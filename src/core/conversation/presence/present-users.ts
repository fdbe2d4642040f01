import type { PresentUser } from "../../../protocol/server-frames.ts";
import { ANNOUNCE_EACH, type Announcing, hasUnsentCount, MAX_LISTED, stepAnnouncing } from "./announcing.ts";
import { type LocalUser, Roster } from "./roster.ts";

/** A user to show; `read` is 0 where the user has no read mark, and undefined where this node does not know. */
export interface ShownUser {
  readonly user: string;
  readonly since: number;
  readonly read: number | undefined;
}

/** Where no other node shares the conversation. */
const NO_USERS: ReadonlyMap<string, number> = new Map();
const NO_NAMES: readonly string[] = [];

/**
 * The users present in one conversation on all nodes, with the read marks that are shown with them. What it does at a join,
 * a leave or a mark takes no longer where more users are present (LR4): it counts users, and holds the read marks of this
 * node's users and of those others that it lists.
 */
export class PresentUsers {
  /** The users of this node. */
  readonly local: Roster;
  /** The users of other nodes, and since when, as they are now. */
  private remote = NO_USERS;
  /** Read marks of users who are present on other nodes only; 0: none. */
  private remoteMarks: Map<string, number> | undefined;
  private counted = 0;
  private announcing: Announcing = ANNOUNCE_EACH;

  constructor(grace: number) {
    this.local = new Roster(grace);
  }

  /** Begins with the users of other nodes, before any user joins on this node. `remote` changes as they come and go. */
  connect(remote: ReadonlyMap<string, number>): void {
    this.remote = remote;
    this.counted = remote.size;
  }

  /** The number of users present on all nodes. */
  get count(): number {
    return this.counted;
  }

  /** Whether members are notified of the number of present users, and not of each of them (LR2). */
  get isLarge(): boolean {
    return this.announcing.mode === "count";
  }

  /** Whether the number of users is still to be sent. */
  get hasUnsentCount(): boolean {
    return hasUnsentCount(this.announcing, this.counted);
  }

  /** Returns whether a user is present on another node. */
  isRemote(user: string): boolean {
    return this.remote.has(user);
  }

  /** Adds a connection of a user of this node, who has read up to `read`. Returns whether the user was not present on this node. */
  join(user: string, now: number, read: number): boolean {
    const known = this.remoteMarks?.get(user) ?? 0;
    this.remoteMarks?.delete(user);
    return this.local.join(user, now, Math.max(read, known));
  }

  /**
   * Counts a user who joined or left, and is not present in another way: neither through this node nor through others.
   * Returns whether members are sent a `presence` frame.
   */
  recordChange(user: string, state: "joined" | "left", now: number): boolean {
    this.counted += state === "joined" ? 1 : -1;
    if (state === "left") this.remoteMarks?.delete(user);
    const { announcing, send } = stepAnnouncing(this.announcing, "changed", this.counted, now);
    this.announcing = announcing;
    return send === "presence";
  }

  /** Returns which `presence_count` is to be sent now, if any. */
  takeCount(now: number): "count" | "count_and_list" | undefined {
    if (!this.isLarge) return undefined;
    const { announcing, send } = stepAnnouncing(this.announcing, "time", this.counted, now);
    this.announcing = announcing;
    return send === "presence" ? undefined : send;
  }

  /** Removes all users of this node. Returns them. */
  clear(): string[] {
    const users = this.local.clear();
    this.counted = this.remote.size;
    return users;
  }

  /** Moves a user's read mark forward; returns whether it moved, as far as this node knows. */
  setReadMark(user: string, seq: number): boolean {
    const moved = this.local.setReadMark(user, seq);
    if (moved !== undefined) return moved;
    const known = this.remoteMarks?.get(user);
    if (known !== undefined && known >= seq) return false;
    // In a large conversation only those that are listed are kept, and `learnReadMark` has added them.
    if (known !== undefined || !this.isLarge) this.learnReadMark(user, seq);
    return true;
  }

  /** Keeps the read mark of a user, read from the store, if it is further than the known one. */
  learnReadMark(user: string, seq: number): void {
    if (this.local.setReadMark(user, seq) !== undefined || !this.remote.has(user)) return;
    this.remoteMarks ??= new Map();
    this.remoteMarks.set(user, Math.max(seq, this.remoteMarks.get(user) ?? 0));
  }

  /** Forgets all read marks: the messages that they name are gone. */
  clearReadMarks(): void {
    this.local.clearReadMarks();
    this.remoteMarks = undefined;
  }

  /** Returns the users whose read marks `list` would need and this node does not know. */
  withoutReadMark(): readonly string[] {
    if (this.remote.size === 0) return NO_NAMES;
    return this.pick(0, undefined)
      .filter(({ read }) => read === undefined)
      .map(({ user }) => user);
  }

  /**
   * Returns the present users, each once with the earliest join, in the order of their joins. They are MAX_LISTED at most, and
   * `user` is one of them. `offset` is added to the times of this node, in milliseconds.
   */
  list(offset: number, user?: string): PresentUser[] {
    const picked = this.pick(offset, user);
    if (this.remote.size > 0 || this.counted > MAX_LISTED)
      picked.sort((one, other) => one.since - other.since);
    return picked.map(({ user, since, read = 0 }) => (read > 0 ? { user, since, read } : { user, since }));
  }

  /** Returns all present users: those of this node first, in the order of their joins. */
  *all(offset: number): Generator<ShownUser> {
    for (const one of this.local.users()) yield this.show(one, offset);
    for (const [user, since] of this.remote)
      if (!this.local.has(user)) yield { user, since, read: this.remoteMarks?.get(user) };
  }

  private pick(offset: number, user: string | undefined): ShownUser[] {
    const picked: ShownUser[] = [];
    const own = user === undefined || this.counted <= MAX_LISTED ? undefined : this.local.get(user);
    if (own !== undefined) picked.push(this.show(own, offset));
    for (const one of this.all(offset)) {
      if (picked.length === MAX_LISTED) break;
      if (one.user !== own?.user) picked.push(one);
    }
    return picked;
  }

  private show({ user, since, read }: LocalUser, offset: number): ShownUser {
    const here = Math.floor(since) + offset;
    return { user, since: Math.min(here, this.remote.get(user) ?? here), read };
  }
}
