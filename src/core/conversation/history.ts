import type { Head, HistoryRequest } from "../ports/message-log.ts";

export interface HistoryRange {
  /** First and last `seq` to read; nothing when first > last. */
  readonly first: number;
  readonly last: number;
  /** Whether the same direction holds messages beyond this range. */
  readonly more: boolean;
}

/**
 * The most bytes of bodies in one page, as they are sent (UTF-8, with JSON's escapes). It is well below the back-pressure
 * limit of one socket (B1), or a client that reads a history of long messages would be closed.
 */
export const MAX_HISTORY_BYTES = 384 * 1024;

/** Returns whether a conversation that has the messages from `first` to `seq` has the one asked for. */
export function hasMessage({ first, seq: newest }: Pick<Head, "first" | "seq">, seq: number): boolean {
  return seq >= first && seq <= newest;
}

/** Returns which messages a history request selects, in a conversation that has those from `first` to `seq`. */
export function historyRange(
  request: Pick<HistoryRequest, "before" | "after" | "count">,
  { first: oldest, seq: newest }: Pick<Head, "first" | "seq">,
): HistoryRange {
  if (request.after !== undefined) {
    const first = Math.max(oldest, request.after + 1);
    const last = Math.min(newest, first + request.count - 1);
    return { first, last, more: last < newest && first <= newest };
  }
  const last = Math.min(newest, (request.before ?? newest + 1) - 1);
  const first = Math.max(oldest, last - request.count + 1);
  return { first, last, more: first > oldest && last >= first };
}
