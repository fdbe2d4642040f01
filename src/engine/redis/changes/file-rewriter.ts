import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisClient } from "../connection/client.ts";

/** When texts left the memory of Redis, and when its append-only file was last asked to be rewritten, in milliseconds since 1970. */
const ERASED_AT = "erased_at";
const ASKED_AT = "asked_at";

/** Records that texts have left the memory at `now`. */
export async function noteErasure({ commands, keys }: Pick<RedisClient, "commands" | "keys">, now: number) {
  await commands.hset(keys.globalKey("erasures"), ERASED_AT, now);
}

export interface FileRewriterDeps {
  readonly client: RedisClient;
  readonly emit: Emit;
  readonly clock: Clock;
  /** How often the file may be rewritten because of erased texts, in milliseconds; 0 for never. */
  readonly intervalMs: number;
}

/**
 * Asks Redis to rewrite its append-only file after texts have left its memory: until then the file holds the commands that stored
 * them. All nodes share when that was.
 */
export class FileRewriter {
  /** Whether a refusal was logged. */
  private hasWarned = false;

  constructor(private readonly deps: FileRewriterDeps) {}

  /** Records that texts have left the memory. */
  note(): Promise<void> {
    return noteErasure(this.deps.client, this.deps.clock.now());
  }

  /** Asks for a rewriting if texts have left the memory since the last one, and that was long enough ago. */
  async rewriteIfDue(): Promise<void> {
    const { client, clock, intervalMs } = this.deps;
    if (intervalMs === 0) return;
    const key = client.keys.globalKey("erasures");
    const [erased, asked] = (await client.commands.hmget(key, ERASED_AT, ASKED_AT)).map(Number) as [
      number,
      number,
    ];
    if (erased === 0 || asked > erased || clock.now() - asked < intervalMs) return;
    // Before the command: a text that leaves the memory meanwhile needs another one.
    await client.commands.hset(key, ASKED_AT, clock.now());
    await Promise.all(client.primaries.map((primary) => this.rewrite(primary)));
  }

  private async rewrite(primary: RedisClient["primaries"][number]): Promise<void> {
    try {
      const info = await primary.info("persistence");
      // Without an append-only file the command would begin one.
      if (!/^aof_enabled:1\r?$/m.test(info)) return;
      await primary.bgrewriteaof();
    } catch (error) {
      // It runs already, or Redis does not allow it; then the file is rewritten as its own settings say.
      if (this.hasWarned || /already in progress/.test(String(error))) return;
      this.hasWarned = true;
      this.deps.emit("store.rewrite_refused", {
        error: String(error),
        advice:
          "Redis does not rewrite its append-only file when messages were erased, so it holds their texts until it is rewritten: allow BGREWRITEAOF and INFO, or set auto-aof-rewrite-percentage.",
      });
    }
  }
}
