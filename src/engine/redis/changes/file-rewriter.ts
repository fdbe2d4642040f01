import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisClient } from "../connection/client.ts";

/**
 * When texts left the memory of Redis, and when its append-only file was last asked to be rewritten, in milliseconds since 1970; and
 * why Redis refused that.
 */
const ERASED_AT = "erased_at";
const ASKED_AT = "asked_at";
const REFUSED = "refused";

/** Records that texts have left the memory at `now`. */
export async function noteErasure({ commands, keys }: Pick<RedisClient, "commands" | "keys">, now: number) {
  await commands.hset(keys.globalKey("erasures"), ERASED_AT, now);
}

/** Whether the append-only file may hold texts that have left the memory. */
export interface ErasureFacts {
  /** When the texts left the memory that it may hold, in milliseconds since 1970; undefined if it holds none. */
  readonly inFileSince: number | undefined;
  /** Why Redis refused to rewrite it. */
  readonly refused: string | undefined;
}

/** Reads what nodes have recorded. */
export async function readErasures({ commands, keys }: RedisClient): Promise<ErasureFacts> {
  const [erased, asked, refused] = await commands.hmget(
    keys.globalKey("erasures"),
    ERASED_AT,
    ASKED_AT,
    REFUSED,
  );
  const isOld = Number(erased) > 0 && (Number(asked) <= Number(erased) || typeof refused === "string");
  return { inFileSince: isOld ? Number(erased) : undefined, refused: refused ?? undefined };
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
  constructor(private readonly deps: FileRewriterDeps) {}

  /** Records that texts have left the memory. */
  note(): Promise<void> {
    return noteErasure(this.deps.client, this.deps.clock.now());
  }

  /** Asks for a rewriting if texts have left the memory since the last one, and that was long enough ago. */
  async rewriteIfDue(): Promise<void> {
    const { client, clock, intervalMs } = this.deps;
    if (intervalMs === 0) return;
    const { commands, keys } = client;
    const key = keys.globalKey("erasures");
    const [erased, asked] = (await commands.hmget(key, ERASED_AT, ASKED_AT)).map(Number) as [number, number];
    if (erased === 0 || asked > erased || clock.now() - asked < intervalMs) return;
    // Before the command: a text that leaves the memory meanwhile needs another one.
    await commands.hset(key, ASKED_AT, clock.now());
    const refusals = await Promise.all(client.primaries.map((primary) => this.rewrite(primary)));
    const refused = refusals.find((refusal) => refusal !== undefined);
    if (refused === undefined) await commands.hdel(key, REFUSED);
    else await commands.hset(key, REFUSED, refused);
  }

  /** Returns why Redis refused it, which is logged. */
  private async rewrite(primary: RedisClient["primaries"][number]): Promise<string | undefined> {
    try {
      const info = await primary.info("persistence");
      // Without an append-only file the command would begin one.
      if (/^aof_enabled:1\r?$/m.test(info)) await primary.bgrewriteaof();
      return undefined;
    } catch (error) {
      if (/already in progress/.test(String(error))) return undefined;
      this.deps.emit("store.rewrite_refused", {
        error: String(error),
        advice:
          "Its append-only file holds erased texts until it is rewritten: allow BGREWRITEAOF and INFO, or set auto-aof-rewrite-percentage.",
      });
      return String(error);
    }
  }
}
