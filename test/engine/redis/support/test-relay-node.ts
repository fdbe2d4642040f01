import type { RelayRoom } from "../../../../src/core/ports/relay.ts";
import { Channels } from "../../../../src/engine/redis/connection/channels.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { RedisLeases } from "../../../../src/engine/redis/presence/leases.ts";
import { NodeRegistry } from "../../../../src/engine/redis/presence/node-registry.ts";
import { RedisRelay } from "../../../../src/engine/redis/presence/relay.ts";
import { recover } from "../../../../src/engine/redis/recovery.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import type { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import type { RealRedis } from "./real-redis.ts";

/** Lease of the nodes in these tests, in milliseconds. */
export const LEASE_MS = 5_000;

/** A subscriber of a conversation that records its events: `+anna`, `-anna`, `anna types`, `anna read 3`. */
export interface RecordedEvents {
  readonly room: RelayRoom;
  readonly events: string[];
  /** The received marks: typing of users that begin with MARK_PREFIX. They are not among the events. */
  readonly marks: Set<string>;
}

/** Begins the name of a user whose typing shows that every event sent before it has arrived. */
export const MARK_PREFIX = "mark-";

/** What makes a node meet others: registry, relay and leases, on connections of its own. */
export class TestRelayNode implements AsyncDisposable {
  readonly log = new RecordedLog();
  readonly channels: Channels;
  readonly nodes: NodeRegistry;
  readonly relay: RedisRelay;
  readonly leases: RedisLeases;
  private isClosed = false;
  private isInterrupted = false;

  private constructor(
    readonly client: RedisClient,
    clock: ManualClock,
  ) {
    const { log } = this;
    this.channels = new Channels(client);
    const nodes = new NodeRegistry({ client, leaseMs: LEASE_MS, clock, emit: log.emit, time: clock });
    this.nodes = nodes;
    const events = { counts: () => true, noteRefused() {}, noteWrite() {} };
    this.relay = new RedisRelay({ client, channels: this.channels, nodes, clock, events });
    this.leases = new RedisLeases({ client, nodes, clock, emit: log.emit });
  }

  static async open(redis: RealRedis, prefix: string, clock: ManualClock): Promise<TestRelayNode> {
    const client = await redis.connect(prefix);
    const node = new TestRelayNode(client, clock);
    await node.leases.start();
    await node.nodes.start();
    client.onRecovery(() => recover(node));
    client.watchReady(() => node.interrupt());
    return node;
  }

  async join(conversation: string): Promise<RecordedEvents> {
    const events: string[] = [];
    const marks = new Set<string>();
    const room = await this.relay.open(conversation, {
      onPresence: (_, user, state) => events.push(`${state === "joined" ? "+" : "-"}${user}`),
      presentHere: () => [],
      onTyping: (_, user, active) => {
        if (user.startsWith(MARK_PREFIX)) marks.add(user);
        else events.push(`${user} ${active ? "types" : "stopped"}`);
      },
      onReadMark: (_, user, seq) => events.push(`${user} read ${seq}`),
      onGap: () => void events.push("missed"),
    });
    return { room, events, marks };
  }

  /** Whether Redis did not reply to this node in time at any moment since it was opened. */
  get wasInterrupted(): boolean {
    return this.isInterrupted;
  }

  /**
   * Waits until Redis has executed the registry's earlier commands: reads the registry on the same connection. While Redis does not
   * reply, the lease cannot be renewed. So this waits, and the clock of the test stands still meanwhile.
   */
  async renewed(): Promise<void> {
    await waitUntil("Redis replies to the node", async () => {
      if (this.isClosed) return true;
      await NodeRegistry.read(this.client).catch((error) => {
        this.interrupt();
        throw error;
      });
      return this.client.ready;
    });
  }

  private interrupt(): void {
    if (!this.isClosed) this.isInterrupted = true;
  }

  /** Ends as a process does that is killed: its connections are cut, and nothing is given back. */
  async crash(): Promise<void> {
    this.isClosed = true;
    await this.client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.relay.close();
    await this.leases.close();
    await this.nodes.close();
    this.channels.close();
    await this.client.close();
  }
}
