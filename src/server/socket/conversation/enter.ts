import { encodeRecentFrame } from "../../../core/conversation/entry.ts";
import { closeForResends } from "../../../core/conversation/resend-limiter.ts";
import { knowsRemoved, planResume, type ResumePlan } from "../../../core/conversation/resume.ts";
import type { ConversationView } from "../../../core/members/records.ts";
import { typingHiddenFor } from "../../../core/members/speech.ts";
import { type CloseReason, closeForRemoval } from "../../../core/session/close-reason.ts";
import { closeForLostMessages, STORE_UNAVAILABLE } from "../../../core/session/store-health.ts";
import { type CatchUpDeps, catchUp, sendPage } from "./catch-up.ts";
import { readFirstPage } from "./first-page.ts";
import type { JoinedRoom } from "./hub.ts";
import type { Member } from "./member.ts";
import type { Reservation } from "./reservation.ts";

/** A member that is in its room. `follow` MUST be called in the same turn of the event loop, after the first frame. */
export interface Entered extends JoinedRoom, Pick<ResumePlan, "resumed" | "lost" | "skipped" | "from"> {
  readonly epoch: string;
  /** The newest messages as one encoded frame, if the client requested them. */
  readonly shown: string | undefined;
  /** The frames that the client missed; undefined where it has to catch up from the store. */
  readonly missed: readonly string[] | undefined;
}

/** What a member that is about to enter was found to be, and the first page that it is sent. */
export interface Prepared {
  readonly shown: string | undefined;
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
  const { recentCount } = planResume(resume, head);
  const { view, stamp } = admitted;
  if (recentCount === undefined) return { shown: undefined, view, stamp };
  const recent = await readRecent(deps, member, reservation, recentCount);
  return "refusal" in recent ? recent : { shown: recent.shown, view, stamp };
}

/**
 * Makes a member part of its room. From here to the end of this turn of the event loop no message is announced, so none is
 * missed or repeated (D4).
 */
export function enterRoom(
  { hub, gate, streams }: CatchUpDeps,
  member: Member,
  reservation: Reservation,
  { shown, view, stamp }: Prepared,
): Entered {
  const { conversation, resume } = member;
  const { head } = reservation;
  const { seq: newest, present, present_count } = hub.join(reservation, member);
  // Messages that were stored while the first page was read are new, and follow as `message` frames.
  const seq = shown === undefined ? newest : head.seq;
  const { resumed, from, lost, skipped } = planResume(resume, { ...head, seq });
  const missed = hub.goLive(conversation, member, from);
  if (missed === undefined) hub.startCatchUp(conversation, member);
  streams.readers.entered(conversation, member);
  hub.hideTyping(conversation, member.user, typingHiddenFor(view, member.user, false));
  gate.entered(conversation, stamp);
  // It is not needed any more, and would take memory as long as the connection is open.
  member.resume = undefined;
  return { seq, epoch: head.epoch, resumed, lost, skipped, from, present, present_count, shown, missed };
}

/** Sends what the client missed, after its `welcome` or `opened`. Rejects only for an internal error. */
export async function follow(deps: CatchUpDeps, member: Member, { missed, from }: Entered): Promise<void> {
  if (missed === undefined) await catchUp(deps, member);
  else sendPage(deps, member, from + 1, missed);
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
  return wait > 0 ? { refusal: closeForResends(wait) } : { shown: encodeRecentFrame(frames, more) };
}
