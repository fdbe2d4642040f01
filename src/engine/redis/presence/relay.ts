import type { Clock } from "../../../core/ports/clock.ts";
import type { Relay, RelayListener, RelayRoom } from "../../../core/ports/relay.ts";
import type { Channels } from "../connection/channels.ts";
import type { RedisClient } from "../connection/client.ts";
import type { EventWriting } from "../feed/event-streams.ts";
import type { LeasedResource, NodeRegistry } from "./node-registry.ts";
import { PresenceTable } from "./presence-table.ts";
import { RedisRelayRoom } from "./relay-room.ts";

export interface RedisRelayDeps {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  /** The feed; without it, events of presence are not written. */
  readonly events?: EventWriting | undefined;
}

/**
 * The interval at which a share of the rooms is compared with Redis, in milliseconds, and the number of rounds for all of them.
 * This is needed because an announcement may be lost unnoticed.
 */
const AUDIT_INTERVAL_MS = 500;
const AUDIT_ROUNDS = 20;

/** The interval at which it checks whether users that may come back have not done so in time, in milliseconds. */
const SETTLE_INTERVAL_MS = 250;

/** The interval at which this node stores its state again, so that it does not expire, in milliseconds. */
const REASSERT_INTERVAL_MS = 3_600_000;

/** The number of conversations that catch up at once after Redis was unavailable. */
const CATCH_UP_BATCH_SIZE = 500;

/** The number of conversations of an expired node that are swept at once. */
const SWEEP_BATCH_SIZE = 200;

/**
 * The relay port for many nodes. The users of a conversation are stored in a hash, and each change is announced on its channel.
 * Typing and read marks are only announced.
 */
export class RedisRelay implements Relay, LeasedResource {
  private readonly rooms = new Map<string, RedisRelayRoom>();
  private readonly table: PresenceTable;
  private readonly stops: readonly (() => void)[];
  /** Rooms that are still to be compared in this round. */
  private toAudit: RedisRelayRoom[] = [];

  constructor(private readonly deps: RedisRelayDeps) {
    const { client, clock, nodes, events } = deps;
    this.table = new PresenceTable(client, nodes, events);
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
      // A room without listeners is kept until Redis has its last changes. A user who comes back meanwhile gets the same room.
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
    // If it fails, the next interval stores the state.
    await this.clearLeftovers().catch(() => {});
  }

  /** After Redis was unavailable: notifies every conversation of changes through other nodes that it has missed. */
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

  /** Stops. The users stay present until the lease of this node expires, by which time they are back through other nodes. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await Promise.all([...this.rooms.values()].map((room) => room.end()));
  }

  /**
   * After a failover that lost writes, Redis may have this node's users in conversations that they have left and that are not
   * open here. Removes them.
   */
  private async clearLeftovers(): Promise<void> {
    const { incarnation } = this.deps.nodes;
    for (const conversation of await this.table.conversationsOf(incarnation)) {
      if (this.rooms.has(conversation)) continue;
      // Both commands are sent together, so that a user who joins later is recorded after them.
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
