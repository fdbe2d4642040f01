import type { RetentionLimits } from "../../../core/conversation/retention.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RunOnOneNode, StopTask } from "../../../core/ports/shared-tasks.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { scanConversations } from "./scan-conversations.ts";

export interface RetentionSweeperDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly retention: RetentionLimits;
  readonly clock: Clock;
  readonly time: Clock | undefined;
  readonly runOnOneNode: RunOnOneNode;
  /** Is called when texts have left the memory of Redis. */
  readonly onErased: () => Promise<void>;
}

/** The interval at which one node visits all conversations, in milliseconds. */
const ROUND_INTERVAL_MS = 3_600_000;

/**
 * The interval at which conversations with new messages of this node are checked for trimmed texts, in milliseconds. If two checks
 * find the same oldest message, the second rewrites the log, so trimmed texts are gone within a minute.
 */
const REWRITE_INTERVAL_MS = 25_000;
const COPY_BATCH_SIZE = 500;
/** The largest number of conversations that are remembered for these checks; the hourly round covers the others. */
const MAX_ACTIVE = 50_000;

/** The number of messages that one call removes: Redis serves no other client during a call. */
const REMOVE_BATCH_SIZE = 1_000;

/**
 * Removes messages that are no longer kept. Most are removed when later messages are stored, or expire if there are none. Once an
 * hour one of the nodes removes the rest.
 */
export class RetentionSweeper {
  private readonly script = new Script("messages/sweep");
  private readonly rewriteScript = new Script("messages/rewrite-trimmed-log");
  private readonly stopRounds: StopTask;
  private readonly stopRewriting: () => void;
  /** The conversations with messages since the last check, and those in which it found trimmed texts, with their oldest `seq`. */
  private active = new Set<string>();
  private trimmed = new Map<string, string>();
  private rewriting: Promise<void> | undefined;
  private sweeping: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly deps: RetentionSweeperDeps) {
    this.stopRounds = deps.runOnOneNode("retention", ROUND_INTERVAL_MS, ({ signal }) => this.sweep(signal));
    this.stopRewriting = deps.clock.every(REWRITE_INTERVAL_MS, () => this.rewriteIfIdle());
  }

  /** Records that a message is posted to a conversation, which may trim it and leave trimmed texts in memory. */
  noteActivity(conversation: string): void {
    if (this.active.size < MAX_ACTIVE) this.active.add(conversation);
  }

  /** Removes all messages that are no longer kept, in all conversations. `signal` ends it early. */
  async sweep(signal?: AbortSignal): Promise<void> {
    await this.sweeping;
    this.sweeping = this.sweepAll(signal);
    try {
      await this.sweeping;
    } finally {
      this.sweeping = undefined;
    }
  }

  /** Stops, and waits for a running sweep to end. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopRewriting();
    await this.stopRounds();
    await this.sweeping?.catch(() => {});
    await this.rewriting;
  }

  private rewriteIfIdle(): void {
    if (this.rewriting !== undefined || !this.deps.client.ready) return;
    this.rewriting = this.rewriteTrimmed().finally(() => {
      this.rewriting = undefined;
    });
  }

  private async rewriteTrimmed(): Promise<void> {
    const looked = this.trimmed;
    for (const conversation of this.active) if (!looked.has(conversation)) looked.set(conversation, "");
    this.active = new Set();
    this.trimmed = new Map();
    for (const [conversation, oldest] of looked) {
      if (this.stopped) return;
      try {
        const found = await this.rewriteLog(conversation, oldest);
        if (found !== "") this.trimmed.set(conversation, found);
        else if (oldest !== "") await this.deps.onErased();
      } catch (error) {
        this.trimmed.set(conversation, oldest);
        if (!this.deps.client.ready) continue;
        this.deps.emit("store.retention_failed", { error: String(error) });
      }
    }
  }

  /** Removes trimmed texts from memory if `oldest` is still the oldest `seq`. Returns the oldest `seq`, or '' when all is done. */
  private async rewriteLog(conversation: string, oldest: string): Promise<string> {
    const { client } = this.deps;
    const keys = (["meta", "log", "copy"] as const).map((what) =>
      client.keys.conversationKey(conversation, what),
    );
    for (let continues = 0; ; continues = 1) {
      const reply = String(await client.run(this.rewriteScript, keys, [oldest, COPY_BATCH_SIZE, continues]));
      if (reply !== "more") return reply;
      if (this.stopped) return oldest;
    }
  }

  private async sweepAll(signal?: AbortSignal): Promise<void> {
    for await (const conversations of scanConversations(this.deps.client, "log")) {
      for (const conversation of conversations) {
        if (this.stopped || signal?.aborted) return;
        await this.sweepConversation(conversation);
      }
    }
  }

  private async sweepConversation(conversation: string): Promise<void> {
    const { client, retention, time } = this.deps;
    const keys = (["meta", "log", "ids"] as const).map((what) =>
      client.keys.conversationKey(conversation, what),
    );
    const values = [
      time === undefined ? "" : time.now(),
      retention.messages,
      retention.days,
      REMOVE_BATCH_SIZE,
    ];
    while ((await client.run(this.script, keys, values)) === REMOVE_BATCH_SIZE && !this.stopped);
    const oldest = await this.rewriteLog(conversation, "");
    if (oldest === "") return;
    await this.rewriteLog(conversation, oldest);
    await this.deps.onErased();
  }
}
