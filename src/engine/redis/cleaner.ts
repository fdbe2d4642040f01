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

/**
 * How often conversations that were spoken in here are looked at for texts that were trimmed, in milliseconds. The second
 * look that finds the same copies what is kept: so they are gone within a minute.
 */
const FORGET_INTERVAL = 25_000;
const COPIED_AT_ONCE = 500;
/** Conversations remembered for that; the hourly round sees to the others. */
const MOST_SPOKEN_IN = 50_000;

/** Messages removed in one go: Redis does nothing else meanwhile. */
const REMOVED_AT_ONCE = 1_000;

/**
 * Removes what is no longer kept. Most of it goes with the messages that come after it, or by itself when nobody speaks
 * any more; once an hour one of the nodes sees to the rest.
 */
export class Cleaner {
  private readonly script = new Script("clean");
  private readonly forgetScript = new Script("forget");
  private readonly stopTimers: readonly (() => void)[];
  /** Conversations that were spoken in since the last look, and what the last one found in others: their oldest `seq`. */
  private spokenIn = new Set<string>();
  private trimmed = new Map<string, string>();
  private forgetting: Promise<void> | undefined;
  private cleaning: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly parts: CleanerParts) {
    this.stopTimers = [
      parts.clock.every(LOOK_INTERVAL, () => this.cleanInTurn()),
      parts.clock.every(FORGET_INTERVAL, () => this.forgetInTurn()),
    ];
  }

  /** Somebody speaks in a conversation: what it no longer keeps is trimmed with that. */
  spoken(conversation: string): void {
    if (this.spokenIn.size < MOST_SPOKEN_IN) this.spokenIn.add(conversation);
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
    for (const stop of this.stopTimers) stop();
    await this.cleaning?.catch(() => {});
    await this.forgetting;
  }

  private async cleanInTurn(): Promise<void> {
    const { client, log } = this.parts;
    if (this.cleaning !== undefined || !client.ready) return;
    try {
      const mine = await client.commands.set(client.keys.ofAll("cleaned"), client.node, "PX", ROUND, "NX");
      if (mine === "OK") await this.clean();
    } catch (error) {
      log.warn("store.retention_failed", { error: String(error) });
    }
  }

  private forgetInTurn(): void {
    if (this.forgetting !== undefined || !this.parts.client.ready) return;
    this.forgetting = this.forgetTrimmed().finally(() => {
      this.forgetting = undefined;
    });
  }

  private async forgetTrimmed(): Promise<void> {
    const looked = this.trimmed;
    for (const conversation of this.spokenIn) if (!looked.has(conversation)) looked.set(conversation, "");
    this.spokenIn = new Set();
    this.trimmed = new Map();
    for (const [conversation, oldest] of looked) {
      if (this.stopped) return;
      try {
        const found = await this.forget(conversation, oldest);
        if (found !== "") this.trimmed.set(conversation, found);
      } catch (error) {
        this.trimmed.set(conversation, oldest);
        if (!this.parts.client.ready) continue;
        this.parts.log.warn("store.retention_failed", { error: String(error) });
      }
    }
  }

  /** Takes trimmed texts out of the memory where `oldest` is the oldest `seq` still; returns which it is, '' when all is done. */
  private async forget(conversation: string, oldest: string): Promise<string> {
    const { client } = this.parts;
    const keys = (["meta", "log", "copy"] as const).map((what) =>
      client.keys.ofConversation(conversation, what),
    );
    for (let goOn = 0; ; goOn = 1) {
      const reply = String(await client.run(this.forgetScript, keys, [oldest, COPIED_AT_ONCE, goOn]));
      if (reply !== "more") return reply;
      if (this.stopped) return oldest;
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
    const oldest = await this.forget(conversation, "");
    if (oldest !== "") await this.forget(conversation, oldest);
  }
}
