import { type ChangedEntry, encodeFold, type FoldPlan, MAX_FOLD_BYTES } from "../../core/changes/fold.ts";
import type { ResendLimiter } from "../../core/conversation/resend-limiter.ts";
import type { Changes } from "../../core/ports/conversation/changes.ts";

/** Folds as encoded frames, with the `rev` of each; `tooMany`: the client must read the messages again. */
export interface Folds {
  readonly frames: readonly string[];
  readonly revs: readonly number[];
  readonly tooMany: boolean;
}

export const NO_FOLDS: Folds = { frames: [], revs: [], tooMany: false };

/** Reads the changes that a user has missed, as folds (CH2). Undefined: the store cannot be read now. */
export async function readFolds(
  changes: Pick<Changes, "missed">,
  conversation: string,
  plan: FoldPlan,
  user: string,
): Promise<Folds | undefined> {
  if (plan.first > plan.last) return NO_FOLDS;
  const missed = await changes.missed(conversation, plan, user);
  if (missed === undefined) return undefined;
  if (missed.tooMany) return { ...NO_FOLDS, tooMany: true };
  const frames = missed.changed.map(encodeOwnFold);
  const bytes = frames.reduce((sum, frame) => sum + Buffer.byteLength(frame), 0);
  if (bytes > MAX_FOLD_BYTES) return { ...NO_FOLDS, tooMany: true };
  return { frames, revs: missed.changed.map(({ rev }) => rev), tooMany: false };
}

/** A fold for one user says what the user's own reactions are, also where there are none any more. */
function encodeOwnFold(entry: ChangedEntry): string {
  return encodeFold({ ...entry, mine: entry.mine ?? [] });
}

/**
 * Requests to send a user folds, which repeat when the client comes back with the same `rev` (MX7). Returns 0 when they may be
 * sent; otherwise the time to wait, in milliseconds.
 */
export function admitFolds(
  limiter: ResendLimiter,
  { user, conversation }: { readonly user: string; readonly conversation: string },
  { frames, revs }: Folds,
  now: number,
): number {
  for (const [index, frame] of frames.entries()) {
    // No name of a conversation contains a blank, so changes are counted apart from messages.
    const wait = limiter.admit(user, `${conversation} rev`, revs[index]!, [Buffer.byteLength(frame)], now);
    if (wait > 0) return wait;
  }
  return 0;
}
