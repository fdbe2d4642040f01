import { decodeShared, encodeShared, type SharedActivity } from "../../../core/activity/node-activity.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  type ActivityBoard,
  type ActivitySource,
  SHARE_INTERVAL_MS,
  SHARED_MAX_AGE_MS,
  WATCH_MS,
} from "../../../core/ports/nodes/activity-board.ts";
import { everyOneAtATime } from "../../one-at-a-time.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";

const script = new Script("presence/activity");

/** The board of the nodes that share a Redis. */
export class RedisActivityBoard implements ActivityBoard {
  private lastLag: number | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
  ) {}

  get node(): string {
    return this.client.node;
  }

  get lag(): number | undefined {
    return this.lastLag;
  }

  serve(source: ActivitySource): () => void {
    // While Redis is away, the client logs that; the next try is a second away.
    return everyOneAtATime(this.clock, SHARE_INTERVAL_MS, async () => {
      if (this.client.ready) await this.share(source);
    });
  }

  async others(): Promise<readonly SharedActivity[]> {
    return (await readSharedActivity(this.client)).filter(({ node }) => node !== this.client.node);
  }

  private async share(source: ActivitySource): Promise<void> {
    const activity = source.read();
    const text = activity === undefined ? "" : encodeShared({ ...activity, node: this.client.node });
    const asked = performance.now();
    const isWatched = await this.client.run(script, keysOf(this.client), [
      ...["share", this.client.node, text],
      WATCH_MS,
    ]);
    this.lastLag = performance.now() - asked;
    if (isWatched === 1) source.watch();
  }
}

/** Has all nodes share their numbers, and returns those of the last seconds. */
export async function readSharedActivity(client: RedisClient): Promise<readonly SharedActivity[]> {
  const arguments_ = ["watch", "", "", WATCH_MS, SHARED_MAX_AGE_MS];
  const texts = (await client.run(script, keysOf(client), arguments_)) as readonly string[];
  return texts.flatMap((text) => decodeShared(text) ?? []);
}

function keysOf({ keys }: RedisClient): readonly string[] {
  return [keys.globalKey("activity"), keys.globalKey("activity-watched")];
}
