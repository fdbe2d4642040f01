import { planFold } from "../../../core/changes/fold.ts";
import { encodeRecentFrame } from "../../../core/conversation/entry.ts";
import { closeForResends } from "../../../core/conversation/resend-limiter.ts";
import { knowsRemoved, planResume, type ResumePlan } from "../../../core/conversation/resume.ts";
import type { ConversationView } from "../../../core/members/records.ts";
import { typingHiddenFor } from "../../../core/members/speech.ts";
import { type CloseReason, closeForRemoval } from "../../../core/session/close-reason.ts";
import { closeForLostMessages, STORE_UNAVAILABLE } from "../../../core/session/store-health.ts";
import { admitFolds, type Folds, NO_FOLDS, readFolds } from "../../changes/folds.ts";
import { seqsWithReactions } from "../../changes/own-reactions.ts";
import { type CatchUpDeps, catchUp, sendMissed } from "./catch-up.ts";
import { readFirstPage } from "./first-page.ts";
import type { JoinedRoom } from "./hub.ts";
import type { Member } from "./member.ts";
import type { Reservation } from "./reservation.ts";
import type { MissedFrames } from "./room.ts";

/** A member that is in its room. `follow` MUST be called in the same turn of the event loop, after the first frame. */
export interface Entered extends JoinedRoom, Pick<ResumePlan, "resumed" | "lost" | "skipped" | "from"> {
  readonly epoch: string;
  /** The newest messages as one encoded frame, if the client requested them. */
  readonly shown: string | undefined;
  /** The changes after it follow. */
  readonly rev: number;
  readonly folds: Folds;
  /** The other frames that the client missed; undefined where it has to catch up from the store. */
  readonly missed: MissedFrames | undefined;
  /** As in the request. */
  readonly oldest: number;
}

/** What a member that is about to enter was found to be, and the first page that it is sent. */
export interface Prepared {
  readonly shown: string | undefined;
  /** The changes that the client missed in the messages that it has. */
  readonly folds: Folds;
  /** The newest change when the reading of all that began. */
  readonly since: number;
  readonly view: ConversationView;
  /** As `MemberGate.admit` returned it. */
  readonly stamp: number;
}

/** The part of entering a room that has to wait: checks the user, and reads the first page that the client requested. */
export async function prepareEntry(
  deps: CatchUpDeps,
  member: Member,
  reservation: Reservation,
): Promise<Prepared | { readonly refusal: CloseReason }> {
  const { conversation, resume } = member;
  const { head } = reservation;
  if (knowsRemoved(resume, head)) return { refusal: closeForRemoval(conversation) };
  const admitted = await deps.gate.admit(member);
  if ("refusal" in admitted) return admitted;
  if (member.readsStreams) await deps.streams.readers.load(conversation);
  const { recentCount, resumed } = planResume(resume, head);
  const { view, stamp } = admitted;
  const since = reservation.room.rev;
  if (resumed) {
    const folds = await readMissedChanges(deps, member, reservation);
    return "refusal" in folds ? folds : { shown: undefined, folds, since, view, stamp };
  }
  if (recentCount === undefined) return { shown: undefined, folds: NO_FOLDS, since, view, stamp };
  const recent = await readRecent(deps, member, reservation, recentCount);
  return "refusal" in recent ? recent : { shown: recent.shown, folds: NO_FOLDS, since, view, stamp };
}

/** Returns the changes that a returning client missed, or why they cannot be sent. Reads nothing where there are none (CH5). */
async function readMissedChanges(
  { engine, resendLimiter, clock }: CatchUpDeps,
  { user, conversation, resume }: Member,
  reservation: Reservation,
): Promise<Folds | { readonly refusal: CloseReason }> {
  const { rev, epoch, oldest, after } = resume ?? {};
  const { head, room } = reservation;
  // Changes that came since the head was read belong to what the client has missed: the room sends it those after them.
  const newest = { epoch: head.epoch, rev: Math.max(head.rev, room.rev) };
  const plan = planFold({ rev, epoch, oldest, after }, newest);
  if (plan === undefined) return NO_FOLDS;
  const folds = await readFolds(engine.changes, conversation, plan, user);
  if (folds === undefined) return { refusal: STORE_UNAVAILABLE };
  if (reservation.hasLost) return { refusal: closeForLostMessages(0) };
  const wait = admitFolds(resendLimiter, { user, conversation }, folds, clock.now());
  return wait > 0 ? { refusal: closeForResends(wait) } : folds;
}

/**
 * Makes a member part of its room. From here to the end of this turn of the event loop no message is announced, so none is
 * missed or repeated (D4).
 */
export function enterRoom(
  { hub, gate, streams, metrics }: CatchUpDeps,
  member: Member,
  reservation: Reservation,
  { shown, folds, since, view, stamp }: Prepared,
): Entered {
  const { conversation, resume } = member;
  const { head } = reservation;
  const { room } = reservation;
  // Before the member is in the room: it may send frames, and the first one to the member must be `welcome` or `opened`.
  hub.hideTyping(conversation, member.user, typingHiddenFor(view, member.user, false));
  const { seq: newest, present, present_count } = hub.join(reservation, member);
  // Messages that were stored while the first page was read are new, and follow as `message` frames.
  const seq = shown === undefined ? newest : head.seq;
  const { resumed, from, lost, skipped } = planResume(resume, { ...head, seq });
  // What was read before is as it was then; a client that has no message yet needs the changes from now on only.
  const rev = resumed || shown !== undefined ? since : room.rev;
  const missed = room.goLive(member, { seq: from, rev });
  if (missed === undefined) room.addBehind(member);
  streams.readers.entered(conversation, member);
  gate.entered(conversation, stamp);
  if (resume?.after !== undefined)
    metrics?.resumed(resumed ? (lost === undefined ? "resumed" : "gap") : "lost");
  // It is not needed any more, and would take memory as long as the connection is open.
  member.resume = undefined;
  return {
    ...{ seq, rev, epoch: head.epoch, resumed, lost, skipped, from },
    ...{ present, present_count, shown, folds, missed },
    oldest: resume?.oldest ?? 1,
  };
}

/** Sends what the client missed, after its `welcome` or `opened`. Rejects only for an internal error. */
export async function follow(
  deps: CatchUpDeps,
  member: Member,
  { folds, missed, from, rev, oldest }: Entered,
): Promise<void> {
  if (folds.frames.length > 0) member.feed(folds.frames);
  if (missed === undefined) await catchUp(deps, member, { rev, oldest });
  else sendMissed(deps, member, from + 1, missed);
  // A snapshot of each draft, and from then on what the other readers get.
  deps.streams.readers.serve(member.conversation, member);
}

/** Returns the first page that a client requested, encoded, or why it cannot be sent. */
async function readRecent(
  deps: CatchUpDeps,
  { user, conversation }: Member,
  reservation: Reservation,
  count: number,
): Promise<{ readonly shown: string } | { readonly refusal: CloseReason }> {
  const { head } = reservation;
  const page = await readFirstPage(deps, conversation, head, count);
  if (page === undefined) return { refusal: STORE_UNAVAILABLE };
  // Messages that the page contains may have been lost since it was read. The client comes back and gets a new page.
  if (reservation.hasLost) return { refusal: closeForLostMessages(0) };
  const { frames, more } = page;
  const sizes = frames.map((frame) => Buffer.byteLength(frame));
  const first = head.seq - frames.length + 1;
  const wait = deps.resendLimiter.admit(user, conversation, first, sizes, deps.clock.now());
  if (wait > 0) return { refusal: closeForResends(wait) };
  const reacted = reservation.room.rev === 0 ? [] : seqsWithReactions(first, frames);
  if (reacted.length === 0) return { shown: encodeRecentFrame(frames, more) };
  const mine = await deps.engine.changes.mine(conversation, user, reacted);
  return { shown: encodeRecentFrame(frames, more, mine) };
}
