import type { Clock } from "../../../core/ports/clock.ts";
import { type FeedEventType, OPTIONAL_EVENT_TYPES } from "../../../protocol/feed/event-types.ts";
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
export class WantedTypes {
  private readonly key: string;
  private readonly until = new Map<FeedEventType, number>();
  private types: ReadonlySet<FeedEventType> = new Set();
  /** Until when `types` is right, in milliseconds since 1970. */
  private rightUntil = 0;
  private readonly stop: () => void;

  constructor(private readonly deps: WantedTypesDeps) {
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
    const later = types.filter(
      (type) => OPTIONAL_EVENT_TYPES.has(type) && (this.until.get(type) ?? 0) < until,
    );
    if (later.length === 0) return;
    const { client, control } = this.deps;
    const values = [rounded, ...control.scriptArguments, ...later];
    await client.run(WANT, [this.key, ...control.scriptKeys], values);
    for (const type of later) this.note(type, rounded);
  }

  wanted(): ReadonlySet<FeedEventType> {
    const now = this.deps.time.wall();
    if (now < this.rightUntil) return this.types;
    const entries = [...this.until].filter(([, until]) => until > now);
    this.types = new Set(entries.map(([type]) => type));
    this.rightUntil = Math.min(Number.MAX_SAFE_INTEGER, ...entries.map(([, until]) => until));
    return this.types;
  }

  /** Whether an event of this type is written now. */
  counts(type: FeedEventType): boolean {
    return !OPTIONAL_EVENT_TYPES.has(type) || this.wanted().has(type);
  }

  close(): void {
    this.stop();
  }

  private note(type: FeedEventType, until: number): void {
    if ((this.until.get(type) ?? 0) >= until) return;
    this.until.set(type, until);
    this.rightUntil = 0;
  }
}
