import { CountedTypes } from "../../../core/feed/counted-types.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { ControlStream } from "../control-stream.ts";

const WANT = new Script("feed/want");

/** Times are rounded up to this, in milliseconds, so that a reader that asks again and again writes once in a while. */
const ROUND_MS = 60_000;

export interface WantedTypesDeps {
  readonly client: RedisClient;
  readonly control: ControlStream;
  /** The time by which the types count as read. */
  readonly time: Pick<Clock, "wall">;
}

/** The types of OPTIONAL_EVENT_TYPES that count as read (EV5): in a hash, which all nodes read again when the control stream says so. */
export class WantedTypes extends CountedTypes {
  private readonly key: string;
  private readonly stop: () => void;

  constructor(private readonly deps: WantedTypesDeps) {
    super(() => deps.time.wall());
    this.key = deps.client.keys.globalKey("feed-wanted");
    this.stop = deps.control.listen({
      onEvents: (events) => (events.some((event) => "eventType" in event) ? this.load() : undefined),
      onMissed: () => this.load(),
    });
  }

  /** Reads them. */
  async load(): Promise<void> {
    for (const [type, until] of Object.entries(await this.deps.client.commands.hgetall(this.key)))
      this.note(type as FeedEventType, Number(until));
  }

  async want(types: readonly FeedEventType[], until: number): Promise<void> {
    const rounded = Math.ceil(until / ROUND_MS) * ROUND_MS;
    const later = this.lacking(types, until);
    if (later.length === 0) return;
    const { client, control } = this.deps;
    const values = [rounded, ...control.scriptArguments, ...later];
    await client.run(WANT, [this.key, ...control.scriptKeys], values);
    for (const type of later) this.note(type, rounded);
  }

  close(): void {
    this.stop();
  }
}
