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
 * Sends a connection the messages after the position of its membership, and then makes its member live (D4).
 *
 * It sends pages, and reads each page only when the one before was sent to the client. So a thousand clients that reconnect at
 * once need memory for one page each, and a client that does not read delays no other. The last step, from the replay buffer
 * to live, takes place in one turn of the event loop.
 */
export async function catchUp(deps: CatchUpDeps, connection: Connection): Promise<void> {
  const { engine, hub } = deps;
  const { member } = connection;
  const { conversation } = member;
  while (!connection.ended) {
    const { position } = member;
    const frames = hub.goLive(conversation, member, position);
    if (frames !== undefined) {
      if (sendPage(deps, connection, position + 1, frames)) member.apply({ type: "caught_up" });
      return;
    }
    const page = await engine.page(conversation, position, hub.newest(conversation), MAX_HISTORY_LIMIT);
    // The store is unavailable, or retention has removed the next message. Then the `welcome` after the reconnect names the
    // lost messages.
    if (page?.[0]?.seq !== position + 1) return connection.end(closeReason(1013));
    if (!sendPage(deps, connection, position + 1, hub.framesOf(conversation, page))) return;
    member.apply({ type: "page_sent", position: page.at(-1)!.seq });
    await connection.drained();
  }
}

/**
 * Sends messages that a client missed, from `first` on. Returns false, and ends the connection, when they were sent to its
 * user too often (MX7).
 */
export function sendPage(
  { resendLimiter, clock }: Pick<CatchUpDeps, "resendLimiter" | "clock">,
  connection: Connection,
  first: number,
  frames: readonly string[],
): boolean {
  if (frames.length === 0) return true;
  const { user, member } = connection;
  const sizes = frames.map((frame) => Buffer.byteLength(frame));
  const wait = resendLimiter.admit(user, member.conversation, first, sizes, clock.now());
  if (wait > 0) connection.end(closeForResends(wait));
  else connection.feed(frames);
  return wait === 0;
}
