import type { Range } from "../../protocol/server-frames.ts";
import type { Head } from "../ports/message-log.ts";
import { relationOf } from "./epoch.ts";

/** A client's position in the conversation, and how many messages it requests at once. */
export interface ResumeRequest {
  /** The newest `seq` that it has; undefined for a new client. */
  readonly after: number | undefined;
  /** The epoch of that position; undefined when it names none. */
  readonly epoch: string | undefined;
  /** How many of the newest messages it requests at most; undefined without a limit. */
  readonly last: number | undefined;
  /** The newest change that it knows; undefined when it names none, and then it is sent no folds. */
  readonly rev?: number | undefined;
  /** The oldest `seq` that it holds; undefined: all up to `after`. */
  readonly oldest?: number | undefined;
  /** It asks for the frames of streams; on the socket of a user they always come. */
  readonly streams?: boolean;
}

export interface ResumePlan {
  readonly resumed: boolean;
  /** Messages after this `seq` are sent as `message`. */
  readonly from: number;
  /** Missed messages that no longer exist. */
  readonly lost: Range | undefined;
  /** Missed messages that are not sent, because the client asked for no more than the newest; `history` has them. */
  readonly skipped: Range | undefined;
  /** The newest messages up to `from`, at most so many, come first as one `history`; undefined for none. */
  readonly recentCount: number | undefined;
}

/** Returns whether the conversation that the client knows was removed. Such a client MUST be refused (MB6). */
export function knowsRemoved(request: ResumeRequest | undefined, head: Pick<Head, "epoch">): boolean {
  return request?.epoch !== undefined && relationOf(request.epoch, head.epoch) === "removed";
}

/**
 * Decides which messages a joining client is sent (D4, D5, MX7).
 *
 * With another epoch, or a `seq` or `rev` above the newest one, the client's messages come from another store or from messages that
 * were lost. They are not one history with the stored messages, so nothing is replayed, and `resumed: false` notifies the
 * client.
 */
export function planResume(request: ResumeRequest | undefined, head: Head): ResumePlan {
  const { after, epoch, last, rev = 0 } = request ?? {};
  const foreign = epoch !== undefined && relationOf(epoch, head.epoch) !== "same";
  if (after === undefined || foreign || after > head.seq || rev > head.rev) {
    return { resumed: false, from: head.seq, lost: undefined, skipped: undefined, recentCount: last };
  }
  const lost = after + 1 < head.first ? { first: after + 1, last: head.first - 1 } : undefined;
  const oldest = Math.max(after, head.first - 1);
  const from = last === undefined ? oldest : Math.max(oldest, head.seq - last);
  const skipped = from > oldest ? { first: oldest + 1, last: from } : undefined;
  return { resumed: true, from, lost, skipped, recentCount: undefined };
}

/**
 * The most bytes of messages in the `history` for `last`. It MUST stay well below the back-pressure limit that closes a
 * slow reader (B1). Every client that connects can get this frame, and it is not charged.
 */
export const MAX_RECENT_BYTES = 256 * 1024;

/** How many of the newest of messages with these sizes, in bytes, are shown: as many as fit, and at least one. */
export function countNewestThatFit(sizes: readonly number[]): number {
  let count = 0;
  let bytes = 0;
  for (let i = sizes.length - 1; i >= 0; i--) {
    bytes += sizes[i]!;
    if (count > 0 && bytes > MAX_RECENT_BYTES) break;
    count++;
  }
  return count;
}
