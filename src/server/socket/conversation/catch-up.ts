import { closeForResends, type ResendLimiter } from "../../../core/conversation/resend-limiter.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Engine } from "../../../core/ports/engine.ts";
import type { MessageLog } from "../../../core/ports/message-log.ts";
import { closeReason } from "../../../core/session/close-reason.ts";
import { STORE_UNAVAILABLE } from "../../../core/session/store-health.ts";
import { MAX_FOLDS, MAX_HISTORY_LIMIT } from "../../../protocol/limits.ts";
import { admitFolds, readFolds } from "../../changes/folds.ts";
import { type ReadReactions, seqsWithReactions, withOwnReactions } from "../../changes/own-reactions.ts";
import type { MemberGate } from "../../members/member-gate.ts";
import type { ServerMetrics } from "../../metrics/server-metrics.ts";
import type { StreamReaders } from "../../streams/stream-readers.ts";
import type { Hub } from "./hub.ts";
import type { Member } from "./member.ts";
import type { MissedFrames, Room } from "./room.ts";

export interface CatchUpDeps {
  readonly engine: Pick<MessageLog, "page"> & Pick<Engine, "changes" | "isUnavailable">;
  readonly hub: Hub;
  readonly streams: { readonly readers: StreamReaders };
  readonly gate: MemberGate;
  readonly resendLimiter: ResendLimiter;
  readonly clock: Clock;
  readonly metrics?: ServerMetrics | undefined;
}

/** What a client that catches up knows of changes: all up to `rev`, in the messages from `oldest` on. */
export interface KnownChanges {
  readonly rev: number;
  readonly oldest: number;
}

/**
 * Sends a member the messages after its position and the changes that were made meanwhile, and then makes it live (D4, CH1).
 *
 * It sends pages, and reads each page only when the one before was sent to the client. So a thousand clients that reconnect at
 * once need memory for one page each, and a client that does not read delays no other. The last step, from the replay buffer
 * to live, takes place in one turn of the event loop. When the store cannot be read, it ends the membership, and the client comes back.
 * Rejects only for an internal error.
 */
export async function catchUp(deps: CatchUpDeps, member: Member, known: KnownChanges): Promise<void> {
  const { entries } = member;
  // The client may have opened the conversation again while a page was read: it is behind then, too, and another catch-up runs.
  const goesOn = () => member.isBehind && member.entries === entries;
  try {
    await sendUntilLive(deps, member, known, goesOn);
  } catch (error) {
    if (!deps.engine.isUnavailable(error)) throw error;
    if (goesOn()) member.end(STORE_UNAVAILABLE);
  }
}

async function sendUntilLive(
  deps: CatchUpDeps,
  member: Member,
  known: KnownChanges,
  goesOn: () => boolean,
): Promise<void> {
  const { hub } = deps;
  const { conversation } = member;
  let { rev } = known;
  let own: ReadReactions | undefined;
  while (goesOn()) {
    const room = hub.find(conversation);
    if (room === undefined) return member.end(closeReason(1013));
    const { position } = member;
    const missed = room.goLive(member, { seq: position, rev }, own);
    if (missed !== undefined) {
      if (sendMissed(deps, member, position + 1, missed)) member.apply({ type: "caught_up" });
      return;
    }
    using _turn = await member.pageTurn();
    if (!goesOn()) return;
    const { rev: newest } = room;
    if (room.changesAfter(rev) === undefined) {
      if (!(await sendFolds(deps, member, { rev, oldest: known.oldest }, goesOn))) return;
      rev = newest;
    } else if (room.framesAfter(position) === undefined) {
      if (!(await sendNextPage(deps, member, room, goesOn))) return;
    } else own = await readOwn(deps, member, room);
    await member.drained();
  }
}

/** Sends the next page of missed messages from the store. Returns false where the catch-up does not go on. */
async function sendNextPage(
  deps: CatchUpDeps,
  member: Member,
  room: Room,
  goesOn: () => boolean,
): Promise<boolean> {
  const { engine, hub } = deps;
  const { conversation, user, position } = member;
  const { rev } = room;
  const page = await engine.page(conversation, position, hub.newest(conversation), MAX_HISTORY_LIMIT);
  if (!goesOn()) return false;
  // The store is unavailable, or retention has removed the next message. Then the `welcome` after the reconnect names the
  // lost messages.
  if (page?.[0]?.seq !== position + 1) {
    member.end(closeReason(1013));
    return false;
  }
  let frames = hub.framesOf(conversation, page, rev);
  const reacted = room.rev === 0 ? [] : seqsWithReactions(position + 1, frames);
  if (reacted.length > 0) {
    const own = await engine.changes.mine(conversation, user, reacted);
    if (!goesOn()) return false;
    frames = withOwnReactions(position + 1, frames, own);
  }
  if (!sendPage(deps, member, position + 1, frames)) return false;
  member.apply({ type: "page_sent", position: page.at(-1)!.seq });
  return true;
}

/** Sends the changes of the messages that the client has, as folds. Returns false where the catch-up does not go on. */
async function sendFolds(
  deps: CatchUpDeps,
  member: Member,
  known: KnownChanges,
  goesOn: () => boolean,
): Promise<boolean> {
  const { engine, resendLimiter, clock } = deps;
  const { conversation, user, position: last } = member;
  const plan = { after: known.rev, first: known.oldest, last, count: MAX_FOLDS };
  const folds = await readFolds(engine.changes, conversation, plan, user);
  if (!goesOn()) return false;
  // After the reconnect `welcome` says that there are too many.
  if (folds === undefined || folds.tooMany) {
    member.end(closeReason(1013));
    return false;
  }
  const wait = admitFolds(resendLimiter, member, folds, clock.now());
  if (wait > 0) member.end(closeForResends(wait));
  else member.feed(folds.frames);
  return wait === 0;
}

/** Reads the user's own reactions to the messages of the replay buffer that the member lacks. */
async function readOwn(
  { engine: { changes } }: CatchUpDeps,
  { conversation, user, position }: Member,
  room: Room,
): Promise<ReadReactions> {
  const { rev } = room;
  const reacted = seqsWithReactions(position + 1, room.framesAfter(position) ?? []);
  return { rev, own: await changes.mine(conversation, user, reacted) };
}

/** Sends the last frames that a member lacks, when it has become live. Returns false where that has ended the membership. */
export function sendMissed(
  deps: Pick<CatchUpDeps, "resendLimiter" | "clock">,
  member: Member,
  first: number,
  { changes, messages }: MissedFrames,
): boolean {
  if (changes.length > 0) member.feed(changes);
  return sendPage(deps, member, first, messages);
}

/**
 * Sends messages that a client missed, from `first` on. Returns false, and ends the membership, when they were sent to its
 * user too often (MX7).
 */
function sendPage(
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
