import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { StreamName } from "../../../core/ports/conversation/streams.ts";
import { BUCKET_COUNT } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const TURN = new Script("streams/sweep-turn");
const DUE = new Script("streams/due");

/** How often a node asks for the turn, in milliseconds, and the time between two turns. ST3 has a second for both. */
const ASK_INTERVAL_MS = 400;
const TURN_INTERVAL_MS = 350;

/** After so long without a turn the leases of all streams begin again, in milliseconds: the nodes or the store were away. */
const AWAY_MS = 3_000;

/** The most streams of a bucket that are ended in one turn. */
const MOST_IN_BUCKET = 50;

export interface StreamSweeperDeps {
  readonly client: RedisClient;
  readonly clock: Clock;
  readonly time: Clock | undefined;
  readonly emit: Emit;
  /** Ends a stream if it is over its time. MUST NOT reject. */
  readonly endIfDue: (name: StreamName, since: number) => Promise<unknown>;
}

/**
 * Ends the streams that are over their time, by the time of their slot. Each node asks for a turn, and one gets it. `RunOnOneNode` is
 * not used: a node that dies while it runs such a task holds it for half a minute, which is as long as a lease.
 */
export class StreamSweeper {
  private sweeping: Promise<void> | undefined;
  private again = false;
  private stopped = false;
  private readonly stopAsking: () => void;

  constructor(private readonly deps: StreamSweeperDeps) {
    this.stopAsking = deps.clock.every(ASK_INTERVAL_MS, () => this.run());
  }

  /** Called before this node has its first turn after it was started, or cut off from the store. */
  async begin(): Promise<void> {
    await this.takeTurn(AWAY_MS);
  }

  /** Stops, and waits for a sweep that is running. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopAsking();
    await this.sweeping;
  }

  private run(): void {
    if (!this.deps.client.ready || this.stopped) return;
    if (this.sweeping !== undefined) {
      this.again = true;
      return;
    }
    this.sweeping = this.sweep()
      .catch((error) => {
        if (this.deps.client.ready) this.deps.emit("task.failed", { task: "streams", error: String(error) });
      })
      .finally(() => {
        this.sweeping = undefined;
        if (!this.again) return;
        this.again = false;
        this.run();
      });
  }

  private async sweep(): Promise<void> {
    const since = await this.takeTurn("");
    if (since < 0) return;
    const due = (await this.findDue()).map((each): StreamName => {
      const [conversation, stream] = each.split(" ");
      return { conversation: conversation!, stream: stream! };
    });
    await Promise.all(due.map((name) => this.deps.endIfDue(name, since)));
  }

  private async takeTurn(away: number | ""): Promise<number> {
    const { client } = this.deps;
    const values = [this.now, TURN_INTERVAL_MS, away];
    return Number(await client.run(TURN, [client.keys.globalKey("stream-sweeps")], values));
  }

  private async findDue(): Promise<string[]> {
    const { client } = this.deps;
    const keys = Array.from({ length: BUCKET_COUNT }, (_, bucket) => client.keys.bucketKey(bucket, "leases"));
    const groups = client.isCluster ? keys.map((key) => [key]) : [keys];
    const replies = await Promise.all(
      groups.map((some) => client.run(DUE, some, [this.now, MOST_IN_BUCKET]) as Promise<string[]>),
    );
    return replies.flat();
  }

  private get now(): number | "" {
    return this.deps.time?.now() ?? "";
  }
}
