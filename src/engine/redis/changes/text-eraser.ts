import type { RunOnOneNode, StopTask } from "../../../core/ports/shared-tasks.ts";
import { BUCKET_COUNT, bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import type { FileRewriter } from "./file-rewriter.ts";

const BLANK = new Script("changes/blank");

const PARTS: readonly ConversationPart[] = ["meta", "log", "blanked", "blank", "blanking", "copy"];

/** How often one of the nodes removes texts, in milliseconds, so that they leave the memory within a minute. */
export const ERASE_INTERVAL_MS = 25_000;
/** The number of entries that one call copies: Redis serves no other client during a call. */
const COPY_BATCH_SIZE = 500;

export interface TextEraserDeps {
  readonly client: RedisClient;
  readonly runOnOneNode: RunOnOneNode;
  readonly files: FileRewriter;
}

/** Removes texts that were edited away or erased from the memory of Redis, and so from all files that it writes later (CH3). */
export class TextEraser {
  private readonly stopRuns: StopTask;

  constructor(private readonly deps: TextEraserDeps) {
    this.stopRuns = deps.runOnOneNode("erasing", ERASE_INTERVAL_MS, ({ signal }) => this.run(signal));
  }

  /** Removes the texts of all conversations that have any. */
  async run(signal?: AbortSignal): Promise<void> {
    const { client, files } = this.deps;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const pending = client.keys.bucketKey(bucket, "blank");
      for (const conversation of await client.commands.smembers(pending)) {
        if (!(await this.blank(conversation, "", signal))) return;
        await files.note();
      }
    }
    await files.rewriteIfDue();
  }

  async stop(): Promise<void> {
    await this.stopRuns();
  }

  /**
   * Copies a log without what is to leave it; `erased`: a user whose name leaves it, too, or ''. Returns whether it was done, and not
   * stopped by `signal`.
   */
  async blank(conversation: string, erased: string, signal?: AbortSignal): Promise<boolean> {
    const { client } = this.deps;
    const pending = client.keys.bucketKey(bucketOf(conversation), "blank");
    const keys = PARTS.map((part) => client.keys.conversationKey(conversation, part));
    const changes = client.keys.conversationKey(conversation, "changes");
    for (let continues = 0; ; continues = 1) {
      if (signal?.aborted) return false;
      const reply = await client.run(
        BLANK,
        [...keys, pending, changes],
        [COPY_BATCH_SIZE, continues, erased],
      );
      if (reply === "") return true;
    }
  }
}
