import type { Clock } from "../../core/clock.ts";
import type { RetentionLimits } from "../../core/retention.ts";
import type { EngineLog } from "../engine-log.ts";
import type { RedisClient } from "./client.ts";
import { everyConversation } from "./every-conversation.ts";
import { Script } from "./scripts.ts";

export interface CleanerParts {
  readonly client: RedisClient;
  readonly log: EngineLog;
  readonly retention: RetentionLimits;
  readonly clock: Clock;
  readonly time: Clock | undefined;
}

/** How often some node goes through all conversations, in milliseconds. */
const ROUND = 3_600_000;
const LOOK_INTERVAL = 60_000;

/** Messages removed in one go: Redis does nothing else meanwhile. */
const REMOVED_AT_ONCE = 1_000;

/**
 * Removes what is no longer kept. Most of it goes with the messages that come after it, or by itself when nobody speaks
 * any more; once an hour one of the nodes sees to the rest.
 */
export class Cleaner {
  private readonly script = new Script("clean");
  private readonly stopTimer: () => void;
  private cleaning: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly parts: CleanerParts) {
    this.stopTimer = parts.clock.every(LOOK_INTERVAL, () => this.cleanInTurn());
  }

  /** Removes all that is no longer kept, everywhere. */
  async clean(): Promise<void> {
    await this.cleaning;
    this.cleaning = this.cleanAll();
    try {
      await this.cleaning;
    } finally {
      this.cleaning = undefined;
    }
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopTimer();
    await this.cleaning?.catch(() => {});
  }

  private async cleanInTurn(): Promise<void> {
    const { client, log } = this.parts;
    if (this.cleaning !== undefined || !client.ready) return;
    try {
      const mine = await client.commands.set(client.keys.ofAll("cleaned"), client.node, "PX", ROUND, "NX");
      if (mine === "OK") await this.clean();
    } catch (error) {
      log.warn("store.cleaning_failed", { error: String(error) });
    }
  }

  private async cleanAll(): Promise<void> {
    for await (const conversations of everyConversation(this.parts.client, "log")) {
      for (const conversation of conversations) if (!this.stopped) await this.cleanConversation(conversation);
      if (this.stopped) return;
    }
  }

  private async cleanConversation(conversation: string): Promise<void> {
    const { client, retention, time } = this.parts;
    const keys = (["meta", "log", "ids"] as const).map((what) =>
      client.keys.ofConversation(conversation, what),
    );
    const values = [
      time === undefined ? "" : time.now(),
      retention.messages,
      retention.days,
      REMOVED_AT_ONCE,
    ];
    while ((await client.run(this.script, keys, values)) === REMOVED_AT_ONCE && !this.stopped);
  }
}
