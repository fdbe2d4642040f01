import { closeForResends, type ResendLimiter } from "../../../core/conversation/resend-limiter.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import { closeReason } from "../../../core/session/close-reason.ts";
import { MAX_HISTORY_LIMIT } from "../../../protocol/limits.ts";
import type { Connection } from "../connection.ts";
import type { Hub } from "./hub.ts";

export interface CatchUpDeps {
  readonly engine: Pick<MessageLog, "page">;
  readonly hub: Hub;
  readonly resendLimiter: ResendLimiter;
  readonly clock: Clock;
}

/**
 * Sends a connection that has everything up to `from` what it missed, and then has it live (D4).
 *
 * In pages, each read when the one before has left for the client: a thousand that come back at once hold a page each,
 * and who does not read holds up nobody. The last step, from the hub's ring to live, is one turn of the event loop.
 */
export async function catchUp(parts: CatchUpDeps, connection: Connection, from: number): Promise<void> {
  const { engine, hub } = parts;
  const { conversation } = connection;
  let sent = from;
  for (;;) {
    if (connection.ended) return;
    const frames = hub.goLive(conversation, connection, sent);
    if (frames !== undefined) {
      if (sendPage(parts, connection, sent + 1, frames)) connection.apply({ type: "caught_up" });
      return;
    }
    const page = await engine.page(conversation, sent, hub.newest(conversation), MAX_HISTORY_LIMIT);
    // Unavailable, or retention has passed this reader by: coming back, it is told what is lost.
    if (page?.[0]?.seq !== sent + 1) return connection.end(closeReason(1013));
    if (!sendPage(parts, connection, sent + 1, hub.framesOf(conversation, page))) return;
    sent = page.at(-1)!.seq;
    await connection.drained();
  }
}

/**
 * Sends messages that a client missed, from `first` on. Returns false when they were sent to its user too often (MX7):
 * then the connection is ended.
 */
export function sendPage(
  { resendLimiter: repeats, clock }: Pick<CatchUpDeps, "resendLimiter" | "clock">,
  connection: Connection,
  first: number,
  frames: readonly string[],
): boolean {
  if (frames.length === 0) return true;
  const sizes = frames.map((frame) => Buffer.byteLength(frame));
  const wait = repeats.admit(connection.user, connection.conversation, first, sizes, clock.now());
  if (wait > 0) connection.end(closeForResends(wait));
  else connection.feed(frames);
  return wait === 0;
}
