import type { Head, HistoryRequest } from "../ports/message-log.ts";

export interface HistoryRange {
  /** First and last `seq` to read; nothing when first > last. */
  readonly first: number;
  readonly last: number;
  /** Whether the same direction holds messages beyond this range. */
  readonly more: boolean;
}

/**
 * Most bytes of bodies in one page, as they are sent (UTF-8, JSON's escapes included): well below what may be unsent to one
 * socket (B1), or reading back long messages would close the reader.
 */
export const MAX_HISTORY_BYTES = 384 * 1024;

/** Which messages a history request means, in a conversation that reaches from `first` to `seq`. */
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
