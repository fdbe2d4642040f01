import type { Emit } from "../../../core/events/events.ts";
import { openedFacts } from "../../../core/members/facts-reply.ts";
import { closeReason } from "../../../core/session/close-reason.ts";
import { STORE_UNAVAILABLE } from "../../../core/session/store-health.ts";
import type { OpenItem } from "../../../core/session/user/state.ts";
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";
import { type OpeningApproval, refuseOpening } from "../../approval/approve-opening.ts";
import { ConcurrencyLimiter } from "../../concurrency-limiter.ts";
import type { TurnShare } from "../../turn-share.ts";
import type { Connection } from "../connection.ts";
import type { CatchUpDeps } from "../conversation/catch-up.ts";
import { type Entered, enterRoom, follow, type Prepared, prepareEntry } from "../conversation/enter.ts";
import { closeWithInternalError } from "../internal-error.ts";
import type { UserMember } from "./user-member.ts";

/** The conversations that a node opens at a time, over all sockets of users. */
const MAX_OPENINGS = 8;

/**
 * How long an opening counts as one of them, in milliseconds. One that takes longer waits for another machine, and must not
 * hold up all others.
 */
const OPENING_TIMEOUT_MS = 100;

/**
 * Lets a thousand sockets that come back with ten conversations each share the event loop with those that talk: conversations are
 * opened for a share of a turn of it.
 */
export function createOpenings(turnShare: TurnShare): ConcurrencyLimiter {
  return new ConcurrencyLimiter({
    permits: MAX_OPENINGS,
    permitTimeoutMs: OPENING_TIMEOUT_MS,
    turnShare,
  });
}

export interface OpenDeps extends CatchUpDeps, Omit<OpeningApproval, "gate"> {
  readonly openings: ConcurrencyLimiter;
  readonly emit: Emit;
}

/**
 * Opens a conversation on the socket of a user: joins its room and sends `opened`, or `error`. Returns before the client has
 * caught up, so that others can be opened meanwhile. Never rejects.
 */
export async function openConversation(
  deps: OpenDeps,
  connection: Connection,
  member: UserMember,
  item: OpenItem,
): Promise<void> {
  const failed = (error: unknown) => closeWithInternalError(deps.emit, connection, error);
  const acquired = deps.openings.acquire();
  const permit = acquired instanceof Promise ? await acquired : acquired;
  try {
    const isOpen = await enter(deps, member, item, failed);
    permit.release();
    if (!isOpen) return;
    // A first page that waits for the line is in memory, so the next conversation is opened after it.
    await member.drained();
  } catch (error) {
    if (deps.engine.isUnavailable(error)) member.apply({ type: "open_failed", reason: STORE_UNAVAILABLE });
    else failed(error);
  } finally {
    permit.release();
  }
}

/** Returns whether the conversation was opened. */
async function enter(
  deps: OpenDeps,
  member: UserMember,
  item: OpenItem,
  failed: (error: unknown) => void,
): Promise<boolean> {
  // The connection may have ended while it waited for its permit.
  if (!member.isJoining) return false;
  if (deps.openingApprover !== undefined && member.refusals.read === undefined) {
    const refusal = await refuseOpening(deps, member);
    if (!member.isJoining) return false;
    if (refusal !== undefined) {
      member.apply({ type: "open_failed", reason: refusal });
      return false;
    }
  }
  member.resume = item.resume;
  using reservation = await deps.hub.reserve(member.conversation, member.user);
  const prepared = await prepareEntry(deps, member, reservation);
  // The connection has ended.
  if (!member.isJoining) return false;
  if ("refusal" in prepared) {
    member.apply({ type: "open_failed", reason: prepared.refusal });
    return false;
  }
  const { refusals } = member;
  if (refusals.read !== undefined) {
    const reason = closeReason(4403, { code: "forbidden", message: refusals.read });
    member.apply({ type: "open_failed", reason });
    return false;
  }
  const entered = enterRoom(deps, member, reservation, prepared);
  member.sendUnnamed(JSON.stringify(openedFrame(member, entered, prepared, item)));
  member.apply({
    type: "opened",
    behind: entered.missed === undefined,
    position: entered.from,
    writeRefusal: refusals.write,
    shown: entered.shown,
  });
  // Before any other task, also one of the microtask queue: a message that is announced meanwhile would be sent before those
  // that the client missed (D1).
  follow(deps, member, entered).catch(failed);
  return true;
}

/** The `opened` frame; `sendUnnamed` adds the conversation. */
function openedFrame(
  { user }: UserMember,
  { seq, rev, epoch, resumed, folds, lost, skipped, present, present_count }: Entered,
  { view }: Prepared,
  { id }: OpenItem,
): Omit<ServerFrameOf<"opened">, "conversation"> {
  return {
    type: "opened",
    seq,
    rev,
    epoch,
    resumed,
    ...(folds.tooMany && { reread: true as const }),
    ...openedFacts(view, user),
    ...(lost !== undefined && { lost }),
    ...(skipped !== undefined && { skipped }),
    read: present.find((one) => one.user === user)?.read ?? 0,
    present,
    present_count,
    ...(id !== undefined && { id }),
  };
}
