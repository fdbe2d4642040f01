import type { Clock } from "../../../core/ports/clock.ts";
import type { Relay, RelayListener, RelayRoom } from "../../../core/ports/relay.ts";
import type { Channels } from "../connection/channels.ts";
import type { RedisClient } from "../connection/client.ts";
import type { LeasedResource, NodeRegistry } from "./node-registry.ts";
import { PresenceTable } from "./presence-table.ts";
import { RedisRelayRoom } from "./relay-room.ts";

export interface RedisRelayDeps {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
}

/**
 * How often some rooms are compared with the store, in milliseconds, and in how many goes all of them are: an announcement
 * may be lost without a trace.
 */
const AUDIT_INTERVAL_MS = 500;
const AUDIT_ROUNDS = 20;

/** How often it checks whether users that it waited for have not come back, in milliseconds. */
const SETTLE_INTERVAL_MS = 250;

/** How often this node stores its state again, so that it does not expire, in milliseconds. */
const REASSERT_INTERVAL_MS = 3_600_000;

/** Conversations that are looked at in one go after the store was away. */
const CATCH_UP_BATCH_SIZE = 500;

/** Conversations of a node that is gone that are swept at once. */
const SWEEP_BATCH_SIZE = 200;

/**
 * The relay port for many nodes. The users of a conversation are kept in a hash beside its messages, and announced on its
 * channel with each change; typing and read marks are only announced.
 */
export class RedisRelay implements Relay, LeasedResource {
  private readonly rooms = new Map<string, RedisRelayRoom>();
  private readonly table: PresenceTable;
  private readonly stops: readonly (() => void)[];
  /** Rooms that are still to be compared in this round. */
  private toAudit: RedisRelayRoom[] = [];

  constructor(private readonly deps: RedisRelayDeps) {
    const { client, clock, nodes } = deps;
    this.table = new PresenceTable(client, nodes);
    nodes.add(this);
    this.stops = [
      clock.every(AUDIT_INTERVAL_MS, () => this.audit()),
      clock.every(SETTLE_INTERVAL_MS, () => this.settle()),
      clock.every(REASSERT_INTERVAL_MS, () => void this.reassert()),
    ];
  }

  async open(conversation: string, listener: RelayListener): Promise<RelayRoom> {
    let room = this.rooms.get(conversation);
    if (room === undefined) {
      const { channels, nodes, clock } = this.deps;
      // A room that this node left is kept until the store knows it; who comes back meanwhile finds it again.
      const idle = () => this.rooms.get(conversation) === room && this.rooms.delete(conversation);
      room = new RedisRelayRoom({ conversation, table: this.table, channels, nodes, clock, onIdle: idle });
      this.rooms.set(conversation, room);
    }
    await room.open(listener);
    return room;
  }

  async present(conversation: string): Promise<ReadonlyMap<string, number>> {
    const { entries } = await this.table.read(conversation);
    const users = new Map<string, number>();
    for (const { incarnation, user, since } of entries) {
      if (this.deps.nodes.isOwn(incarnation)) continue;
      users.set(user, Math.min(since, users.get(user) ?? since));
    }
    return users;
  }

  async reassert(): Promise<void> {
    await Promise.all([...this.rooms.values()].map((room) => room.reassert()));
    // The next time will do, too.
    await this.clearLeftovers().catch(() => {});
  }

  /** After the store was away: notifies every conversation of what happened there through other nodes meanwhile. */
  async catchUp(): Promise<void> {
    const rooms = [...this.rooms.values()];
    for (let i = 0; i < rooms.length; i += CATCH_UP_BATCH_SIZE)
      await Promise.all(rooms.slice(i, i + CATCH_UP_BATCH_SIZE).map((room) => room.catchUp()));
  }

  async sweep(incarnation: string): Promise<void> {
    const conversations = await this.table.conversationsOf(incarnation);
    for (let i = 0; i < conversations.length; i += SWEEP_BATCH_SIZE) {
      const some = conversations.slice(i, i + SWEEP_BATCH_SIZE);
      await Promise.all(some.map((conversation) => this.table.clear(conversation, incarnation)));
    }
    await this.table.forgetAll(incarnation);
  }

  async hasLeftovers(incarnation: string): Promise<boolean> {
    return (await this.table.conversationsOf(incarnation)).length > 0;
  }

  /** Stops, and lets the users be there until this node's lease has run out: by then they are back through another. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await Promise.all([...this.rooms.values()].map((room) => room.end()));
  }

  /** A store that went back may have this node's users in conversations that they have left, and that are not open here. */
  private async clearLeftovers(): Promise<void> {
    const { incarnation } = this.deps.nodes;
    for (const conversation of await this.table.conversationsOf(incarnation)) {
      if (this.rooms.has(conversation)) continue;
      // Both in one go: a user that joins from now on is noted after it.
      await Promise.all([
        this.table.clear(conversation, incarnation),
        this.table.forgetConversation(conversation, incarnation),
      ]);
    }
  }

  private audit(): void {
    if (!this.deps.client.ready) return;
    if (this.toAudit.length === 0) this.toAudit = [...this.rooms.values()];
    const some = this.toAudit.splice(0, Math.ceil(this.rooms.size / AUDIT_ROUNDS));
    for (const room of some) room.audit();
  }

  private settle(): void {
    for (const room of this.rooms.values()) room.settle();
  }
}
