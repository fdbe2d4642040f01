import { closeForResends, type ResendLimiter } from "../../../core/conversation/resend-limiter.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import { closeReason } from "../../../core/session/close-reason.ts";
import { MAX_HISTORY_LIMIT } from "../../../protocol/limits.ts";
import type { MemberGate } from "../../members/member-gate.ts";
import type { StreamReaders } from "../../streams/stream-readers.ts";
import type { Hub } from "./hub.ts";
import type { Member } from "./member.ts";

export interface CatchUpDeps {
  readonly engine: Pick<MessageLog, "page">;
  readonly hub: Hub;
  readonly streams: { readonly readers: StreamReaders };
  readonly gate: MemberGate;
  readonly resendLimiter: ResendLimiter;
  readonly clock: Clock;
}

/**
 * Sends a member the messages after its position, and then makes it live (D4).
 *
 * It sends pages, and reads each page only when the one before was sent to the client. So a thousand clients that reconnect at
 * once need memory for one page each, and a client that does not read delays no other. The last step, from the replay buffer
 * to live, takes place in one turn of the event loop.
 */
export async function catchUp(deps: CatchUpDeps, member: Member): Promise<void> {
  const { engine, hub } = deps;
  const { conversation } = member;
  while (member.isBehind) {
    const { position } = member;
    const frames = hub.goLive(conversation, member, position);
    if (frames !== undefined) {
      if (sendPage(deps, member, position + 1, frames)) member.apply({ type: "caught_up" });
      return;
    }
    using _turn = await member.pageTurn();
    if (!member.isBehind) return;
    const page = await engine.page(conversation, position, hub.newest(conversation), MAX_HISTORY_LIMIT);
    if (!member.isBehind) return;
    // The store is unavailable, or retention has removed the next message. Then the `welcome` after the reconnect names the
    // lost messages.
    if (page?.[0]?.seq !== position + 1) return member.end(closeReason(1013));
    if (!sendPage(deps, member, position + 1, hub.framesOf(conversation, page))) return;
    member.apply({ type: "page_sent", position: page.at(-1)!.seq });
    await member.drained();
  }
}

/**
 * Sends messages that a client missed, from `first` on. Returns false, and ends the membership, when they were sent to its
 * user too often (MX7).
 */
export function sendPage(
  { resendLimiter, clock }: Pick<CatchUpDeps, "resendLimiter" | "clock">,
  member: Member,
  first: number,
  frames: readonly string[],
): boolean {
  if (frames.length === 0) return true;
  const sizes = frames.map((frame) => Buffer.byteLength(frame));
  const wait = resendLimiter.admit(member.user, member.conversation, first, sizes, clock.now());
  if (wait > 0) member.end(closeForResends(wait));
  else member.feed(frames);
  return wait === 0;
}
