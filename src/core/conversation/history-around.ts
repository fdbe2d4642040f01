// A page of history around a message is read as two halves, so that the message is in it however long the others are.
import type { HistoryRequest, HistoryResult, MessageLog } from "../ports/message-log.ts";
import type { Entry } from "./entry.ts";
import { MAX_HISTORY_BYTES } from "./history.ts";

/** A request for a page, of which `around` may name the `seq` in the middle. */
export interface PageRequest extends HistoryRequest {
  /** Not together with `before` and `after`. */
  readonly around?: number;
}

/** Reads a page, charged once. With `around`, `more` says whether there are older messages, as with `before`. */
export function readHistory(
  engine: Pick<MessageLog, "history">,
  { around, ...request }: PageRequest,
  done: (result: HistoryResult) => void,
): void {
  if (around === undefined) {
    engine.history(request, done);
    return;
  }
  const older = Math.floor(request.count / 2);
  // Both are made in one turn of the event loop, so that they are carried out one after the other. The second is free.
  let newer: HistoryResult | undefined;
  let first: HistoryResult | undefined;
  const finish = () => {
    if (first !== undefined && newer !== undefined) done(joinHalves(first, newer, older > 0));
  };
  const half = { ...request, count: Math.max(1, older), before: around };
  engine.history(half, (result) => {
    first = result;
    finish();
  });
  engine.history({ ...request, limit: 0, count: request.count - older, after: around - 1 }, (result) => {
    newer = result;
    finish();
  });
}

/** The page of both halves; `hasOlder`: whether the older half is shown, or was read only to know whether it exists. */
function joinHalves(older: HistoryResult, newer: HistoryResult, hasOlder: boolean): HistoryResult {
  if (older.outcome !== "read") return older;
  if (newer.outcome !== "read") return newer;
  const kept = hasOlder ? older.entries : [];
  const entries = withinBudget(kept, newer.entries);
  return {
    outcome: "read",
    entries,
    more: older.more || entries[0]?.seq !== [...older.entries, ...newer.entries][0]?.seq,
    quota: older.quota,
  };
}

/** Both halves, without those that are farthest from the middle where the bodies would exceed the budget of one page. */
function withinBudget(older: readonly Entry[], newer: readonly Entry[]): Entry[] {
  const nearest: (Entry | undefined)[] = [];
  for (let i = 0; i < Math.max(older.length, newer.length); i++) nearest.push(newer[i], older.at(-1 - i));
  const kept: Entry[] = [];
  let bytes = 0;
  for (const entry of nearest) {
    if (entry === undefined) continue;
    bytes += Buffer.byteLength(entry.body);
    if (kept.length > 0 && bytes > MAX_HISTORY_BYTES) break;
    kept.push(entry);
  }
  return kept.sort((a, b) => a.seq - b.seq);
}
