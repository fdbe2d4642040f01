import {
  type PresenceChange,
  type PresenceDelta,
  RemotePresence,
} from "../../../core/conversation/presence/remote-presence.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RelayListener, RelayRoom } from "../../../core/ports/relay.ts";
import type { ChannelSubscription, Channels } from "../connection/channels.ts";
import type { NodeRegistry } from "./node-registry.ts";
import type { PresenceMove, PresenceTable } from "./presence-table.ts";

export interface RelayRoomDeps {
  readonly conversation: string;
  readonly table: PresenceTable;
  readonly channels: Channels;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  /** Called when the room has no listener any more and Redis has no user of this node in it. */
  onIdle(): void;
}

/** A message between nodes on a conversation's channel. It has one of these fields. */
interface RelayFrame {
  readonly presence?: PresenceDelta;
  readonly by?: string;
  readonly typing?: readonly [user: string, active: boolean];
  readonly read?: readonly [user: string, seq: number];
}

/** A conversation as this node shares it with the others through Redis. */
export class RedisRelayRoom implements RelayRoom {
  readonly isShared = true;
  readonly reportsLeaves = true;
  private readonly remote: RemotePresence;
  private listener: RelayListener | undefined;
  private opening = false;
  private subscription: ChannelSubscription | undefined;
  /** The users that are present through this node, and since when. Redis should have the same. */
  private readonly localUsers = new Map<string, number>();
  /** The users that joined or left since the last write to Redis. */
  private unwritten = new Map<string, PresenceMove>();
  /** Whether Redis may have other users than `localUsers`, so that all are written again. */
  private uncertain = false;
  /** The incarnation under which Redis has the users of this node. */
  private notedIncarnation: string | undefined;
  private writing: Promise<void> | undefined;
  private reading: Promise<void> | undefined;
  private readAgain = false;
  /** Changes that arrive while the table is read. */
  private bufferedChanges: PresenceDelta[] = [];

  constructor(private readonly deps: RelayRoomDeps) {
    this.remote = new RemotePresence((incarnation) => deps.nodes.isOwn(incarnation));
  }

  /** Subscribes. Rejects when Redis does not reply. */
  async open(listener: RelayListener): Promise<void> {
    const { channels, conversation } = this.deps;
    this.opening = true;
    try {
      this.subscription ??= await channels.open(conversation, {
        relay: (payload) => this.onPayload(payload),
      });
      await this.readTable();
      this.listener = listener;
    } catch (error) {
      this.opening = false;
      this.close();
      throw error;
    }
    this.opening = false;
  }

  remoteMembers(): ReadonlyMap<string, number> {
    return this.remote.users();
  }

  join(user: string, since: number): number {
    const at = this.deps.nodes.toStoreTime(since);
    this.localUsers.set(user, at);
    this.unwritten.set(user, { state: "joined", at });
    this.write();
    return at;
  }

  leave(user: string, at: number): number {
    const shared = this.deps.nodes.toStoreTime(at);
    this.localUsers.delete(user);
    this.unwritten.set(user, { state: "left", at: shared });
    this.write();
    return shared;
  }

  sendTyping(user: string, active: boolean): void {
    this.publish({ by: this.deps.nodes.incarnation, typing: [user, active] });
  }

  sendReadMark(user: string, seq: number): void {
    this.publish({ by: this.deps.nodes.incarnation, read: [user, seq] });
  }

  close(): void {
    this.listener = undefined;
    this.subscription?.close();
    this.subscription = undefined;
    this.reportIdle();
  }

  /** Writes the users of this node to Redis again. Resolves when that is done or has failed. */
  async reassert(): Promise<void> {
    if (this.localUsers.size === 0 && this.notedIncarnation === undefined && !this.uncertain) return;
    this.uncertain = true;
    await this.write();
  }

  /** After Redis was unavailable: notifies of users that joined and left through other nodes, and has read marks read again. */
  async catchUp(): Promise<void> {
    if (this.listener === undefined) return;
    if (this.reading !== undefined) this.readAgain = true;
    await this.readTable();
    await this.listener?.onGap(this.deps.conversation);
  }

  /** Notifies that users left, if they did not come back in the time that they had for it. */
  settle(): void {
    if (this.remote.hasPending) this.notify(this.remote.settle(this.now));
  }

  /** Compares the room with Redis, and repairs differences. */
  audit(): void {
    if (this.uncertain) this.write();
    if (this.listener === undefined) return;
    this.deps.table.version(this.deps.conversation).then(
      (version) => this.remote.isAt(version) || this.readInBackground(),
      // The next audit may succeed. The client logs that Redis is unavailable.
      () => {},
    );
  }

  /** Ends the room. Resolves when everything is written to Redis. Removes no user. */
  async end(): Promise<void> {
    this.close();
    await this.writing;
  }

  private onPayload(payload: string): void {
    const { presence, by, typing, read } = JSON.parse(payload) as RelayFrame;
    if (presence !== undefined) this.applyChange(presence);
    if (by === undefined || this.deps.nodes.isOwn(by)) return;
    const { conversation } = this.deps;
    if (typing !== undefined) this.listener?.onTyping(conversation, ...typing);
    if (read !== undefined) this.listener?.onReadMark(conversation, ...read);
  }

  private applyChange(change: PresenceDelta): void {
    if (this.reading !== undefined) {
      this.bufferedChanges.push(change);
      return;
    }
    const changes = this.remote.apply(change);
    // If a change is missing, reads the table, which also has this change.
    if (changes === undefined) this.readInBackground();
    else this.notify(changes);
  }

  private notify(changes: readonly PresenceChange[]): void {
    for (const { user, state, at } of changes)
      this.listener?.onPresence(this.deps.conversation, user, state, at);
  }

  /** Reads the table without waiting for it. If that fails, the next audit reads it again. */
  private readInBackground(): void {
    this.readTable().catch(() => {});
  }

  /** Reads the present users. Changes that arrive meanwhile are applied after that. */
  private readTable(): Promise<void> {
    this.reading ??= this.tryToRead();
    return this.reading;
  }

  private async tryToRead(): Promise<void> {
    const { table, conversation, nodes } = this.deps;
    try {
      do {
        this.readAgain = false;
        const state = await table.read(conversation);
        this.notify(this.remote.reset(state, this.now, nodes.toStoreTime(nodes.trustedFrom)));
        // After a failover that lost writes, Redis may have users of this node who have left.
        if (this.writing === undefined && state.entries.some((entry) => this.isLeftover(entry))) {
          this.uncertain = true;
          this.write();
        }
      } while (this.readAgain);
    } finally {
      const { bufferedChanges: buffered } = this;
      this.bufferedChanges = [];
      this.reading = undefined;
      for (const change of buffered) this.applyChange(change);
    }
  }

  private isLeftover({
    incarnation,
    user,
  }: {
    readonly incarnation: string;
    readonly user: string;
  }): boolean {
    return incarnation === this.deps.nodes.incarnation && !this.localUsers.has(user);
  }

  private publish(frame: RelayFrame): void {
    const { channels, conversation } = this.deps;
    // Not tried again, because the frame is only of use at this moment.
    channels.publish(conversation, "relay", JSON.stringify(frame)).catch(() => {});
  }

  private write(): Promise<void> {
    this.writing ??= this.tryToWrite().finally(() => {
      this.writing = undefined;
      this.reportIdle();
    });
    return this.writing;
  }

  private async tryToWrite(): Promise<void> {
    // One call for all changes of a turn of the event loop.
    await new Promise(setImmediate);
    while (this.uncertain || this.unwritten.size > 0) {
      try {
        await this.writeAll();
      } catch {
        // All is written again when Redis is available again, or at the next audit.
        this.uncertain = true;
        return;
      }
    }
  }

  private async writeAll(): Promise<void> {
    const { uncertain, unwritten, notedIncarnation } = this;
    this.uncertain = false;
    this.unwritten = new Map();
    try {
      await this.writeMoves(uncertain, unwritten, notedIncarnation);
    } catch (error) {
      // Keeps the leaves for the next try: only `unwritten` has their times, while joins are in `localUsers`.
      for (const [user, move] of unwritten)
        if (move.state === "left" && !this.localUsers.has(user) && !this.unwritten.has(user))
          this.unwritten.set(user, move);
      throw error;
    }
  }

  private async writeMoves(
    uncertain: boolean,
    unwritten: ReadonlyMap<string, PresenceMove>,
    notedIncarnation: string | undefined,
  ): Promise<void> {
    const { table, nodes, conversation } = this.deps;
    const { incarnation } = nodes;
    if (this.localUsers.size > 0 && (uncertain || notedIncarnation !== incarnation)) {
      await table.noteConversation(conversation, incarnation);
      this.notedIncarnation = incarnation;
    }
    const moves = notedIncarnation !== undefined && notedIncarnation !== incarnation;
    if (uncertain || moves) await table.replace(conversation, incarnation, this.all(unwritten));
    else await table.change(conversation, incarnation, unwritten);
    // The old incarnation is cleared after the users are stored under the new one, so that no user seems to leave.
    if (moves) {
      await table.clear(conversation, notedIncarnation);
      await table.forgetConversation(conversation, notedIncarnation);
    }
    if (this.localUsers.size > 0) return;
    await table.forgetConversation(conversation, incarnation);
    this.notedIncarnation = undefined;
  }

  /** Returns all users of this node, as joins, and the leaves that Redis may not have. */
  private all(unwritten: ReadonlyMap<string, PresenceMove>): ReadonlyMap<string, PresenceMove> {
    const moves = new Map(unwritten);
    for (const [user, at] of this.localUsers) moves.set(user, { state: "joined", at });
    return moves;
  }

  private get now(): number {
    return this.deps.nodes.toStoreTime(this.deps.clock.now());
  }

  /** Lets the relay drop this room when it has nothing left to do. */
  private reportIdle(): void {
    const isWanted = this.listener !== undefined || this.opening || this.localUsers.size > 0;
    const isBusy = this.writing !== undefined || this.uncertain || this.unwritten.size > 0;
    if (!isWanted && !isBusy) this.deps.onIdle();
  }
}
