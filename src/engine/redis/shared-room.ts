import type { Clock } from "../../core/clock.ts";
import { Gathering, type HereChange, type PresenceChange } from "../../core/gathering.ts";
import type { RelayListener, RelayRoom } from "../../core/relay.ts";
import type { ChannelSubscription, Channels } from "./channels.ts";
import type { HereTable, Move } from "./here.ts";
import type { NodeRegistry } from "./nodes.ts";

export interface SharedRoomParts {
  readonly conversation: string;
  readonly table: HereTable;
  readonly channels: Channels;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  /** Called when nobody listens any more and the store knows that nobody is there through this node. */
  idle(): void;
}

/** What nodes tell each other on a conversation's channel: one of these. */
interface RelayFrame {
  readonly here?: HereChange;
  readonly by?: string;
  readonly typing?: readonly [user: string, active: boolean];
  readonly read?: readonly [user: string, seq: number];
}

/** A conversation as this node shares it with the others through Redis. */
export class SharedRoom implements RelayRoom {
  readonly isShared = true;
  private readonly gathering: Gathering;
  private listener: RelayListener | undefined;
  private opening = false;
  private subscription: ChannelSubscription | undefined;
  /** Who is there through this node, and since when: what the store should hold. */
  private readonly here = new Map<string, number>();
  /** Who came and left since the store was told. */
  private untold = new Map<string, Move>();
  /** The store may hold something else, so it is told all. */
  private uncertain = false;
  /** The life under which the store knows that somebody is there through this node. */
  private notedFor: string | undefined;
  private writing: Promise<void> | undefined;
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  /** Changes heard while all is read. */
  private heard: HereChange[] = [];

  constructor(private readonly parts: SharedRoomParts) {
    this.gathering = new Gathering((life) => parts.nodes.isOwn(life));
  }

  /** Begins to listen. Rejects when the store does not answer. */
  async open(listener: RelayListener): Promise<void> {
    const { channels, conversation } = this.parts;
    this.opening = true;
    try {
      this.subscription ??= await channels.open(conversation, {
        relay: (payload) => this.hear(payload),
      });
      await this.look();
      this.listener = listener;
    } catch (error) {
      this.opening = false;
      this.close();
      throw error;
    }
    this.opening = false;
  }

  elsewhere(): ReadonlyMap<string, number> {
    return this.gathering.users();
  }

  join(user: string, since: number): number {
    const at = this.parts.nodes.toStoreTime(since);
    this.here.set(user, at);
    this.untold.set(user, { state: "joined", at });
    this.write();
    return at;
  }

  leave(user: string, at: number): number {
    const shared = this.parts.nodes.toStoreTime(at);
    this.here.delete(user);
    this.untold.set(user, { state: "left", at: shared });
    this.write();
    return shared;
  }

  type(user: string, active: boolean): void {
    this.announce({ by: this.parts.nodes.life, typing: [user, active] });
  }

  read(user: string, seq: number): void {
    this.announce({ by: this.parts.nodes.life, read: [user, seq] });
  }

  close(): void {
    this.listener = undefined;
    this.subscription?.close();
    this.subscription = undefined;
    this.rest();
  }

  /** Tells the store anew who is there through this node; resolves when that is done, or has failed. */
  async putBack(): Promise<void> {
    if (this.here.size === 0 && this.notedFor === undefined && !this.uncertain) return;
    this.uncertain = true;
    await this.write();
  }

  /** After the store was away: tells who came and went through other nodes meanwhile, and has read marks looked up. */
  async catchUp(): Promise<void> {
    if (this.listener === undefined) return;
    if (this.looking !== undefined) this.lookAgain = true;
    await this.look();
    await this.listener?.missed();
  }

  /** Tells who was waited for and did not come back. */
  settle(): void {
    if (this.gathering.waits) this.tell(this.gathering.settle(this.now));
  }

  /** Compares this with the store, and makes up for what was lost. */
  audit(): void {
    if (this.uncertain) this.write();
    if (this.listener === undefined) return;
    this.parts.table.version(this.parts.conversation).then(
      (version) => this.gathering.isAt(version) || this.lookInVain(),
      // The next one may succeed; that the store is away is said by the client.
      () => {},
    );
  }

  /** Stops for good when the store has been told everything; nobody is taken out of it. */
  async end(): Promise<void> {
    this.close();
    await this.writing;
  }

  private hear(payload: string): void {
    const { here, by, typing, read } = JSON.parse(payload) as RelayFrame;
    if (here !== undefined) this.take(here);
    if (by === undefined || this.parts.nodes.isOwn(by)) return;
    if (typing !== undefined) this.listener?.typing(...typing);
    if (read !== undefined) this.listener?.read(...read);
  }

  private take(change: HereChange): void {
    if (this.looking !== undefined) {
      this.heard.push(change);
      return;
    }
    const changes = this.gathering.hear(change);
    // What is read now has this change in it.
    if (changes === undefined) this.lookInVain();
    else this.tell(changes);
  }

  private tell(changes: readonly PresenceChange[]): void {
    for (const { user, state, at } of changes) this.listener?.presence(user, state, at);
  }

  /** Looks where nobody waits for it; the next audit does it again when it fails. */
  private lookInVain(): void {
    this.look().catch(() => {});
  }

  /** Reads who is there. What is heard meanwhile is taken in after it. */
  private look(): Promise<void> {
    this.looking ??= this.tryToLook();
    return this.looking;
  }

  private async tryToLook(): Promise<void> {
    const { table, conversation, nodes } = this.parts;
    try {
      do {
        this.lookAgain = false;
        const state = await table.read(conversation);
        this.tell(this.gathering.read(state, this.now, nodes.toStoreTime(nodes.trustedFrom)));
        // A store that went back may have users of this node who have left.
        if (this.writing === undefined && state.entries.some((entry) => this.isLeftover(entry))) {
          this.uncertain = true;
          this.write();
        }
      } while (this.lookAgain);
    } finally {
      const { heard } = this;
      this.heard = [];
      this.looking = undefined;
      for (const change of heard) this.take(change);
    }
  }

  private isLeftover({ life, user }: { readonly life: string; readonly user: string }): boolean {
    return life === this.parts.nodes.life && !this.here.has(user);
  }

  private announce(frame: RelayFrame): void {
    const { channels, conversation } = this.parts;
    // Not worth another try: it is about this moment.
    channels.announce(conversation, "relay", JSON.stringify(frame)).catch(() => {});
  }

  private write(): Promise<void> {
    this.writing ??= this.tryToWrite().finally(() => {
      this.writing = undefined;
      this.rest();
    });
    return this.writing;
  }

  private async tryToWrite(): Promise<void> {
    // One call for all that a turn of the event loop changes.
    await new Promise(setImmediate);
    while (this.uncertain || this.untold.size > 0) {
      try {
        await this.writeAll();
      } catch {
        // It is put back when the store is there again, or with the next audit.
        this.uncertain = true;
        return;
      }
    }
  }

  private async writeAll(): Promise<void> {
    const { uncertain, untold, notedFor } = this;
    this.uncertain = false;
    this.untold = new Map();
    try {
      await this.writeMoves(uncertain, untold, notedFor);
    } catch (error) {
      // Who came is written by what is here; when somebody left is known by this alone.
      for (const [user, move] of untold)
        if (move.state === "left" && !this.here.has(user) && !this.untold.has(user))
          this.untold.set(user, move);
      throw error;
    }
  }

  private async writeMoves(
    uncertain: boolean,
    untold: ReadonlyMap<string, Move>,
    notedFor: string | undefined,
  ): Promise<void> {
    const { table, nodes, conversation } = this.parts;
    const { life } = nodes;
    if (this.here.size > 0 && (uncertain || notedFor !== life)) {
      await table.note(conversation, life);
      this.notedFor = life;
    }
    const moves = notedFor !== undefined && notedFor !== life;
    if (uncertain || moves) await table.set(conversation, life, this.all(untold));
    else await table.change(conversation, life, untold);
    // After they are there by the new life, so that nobody is seen to leave.
    if (moves) {
      await table.clear(conversation, notedFor);
      await table.unnote(conversation, notedFor);
    }
    if (this.here.size > 0) return;
    await table.unnote(conversation, life);
    this.notedFor = undefined;
  }

  /** Who is here, as if all had come, and who left of whom the store may not know it. */
  private all(untold: ReadonlyMap<string, Move>): ReadonlyMap<string, Move> {
    const moves = new Map(untold);
    for (const [user, at] of this.here) moves.set(user, { state: "joined", at });
    return moves;
  }

  private get now(): number {
    return this.parts.nodes.toStoreTime(this.parts.clock.now());
  }

  /** Lets the relay forget this room when nothing is left to do. */
  private rest(): void {
    const isWanted = this.listener !== undefined || this.opening || this.here.size > 0;
    const isBusy = this.writing !== undefined || this.uncertain || this.untold.size > 0;
    if (!isWanted && !isBusy) this.parts.idle();
  }
}
