import { expect, test } from "bun:test";
import type { Entry } from "../../../src/core/conversation/entry.ts";
import { historyRange, MAX_HISTORY_BYTES } from "../../../src/core/conversation/history.ts";
import { readHistory } from "../../../src/core/conversation/history-around.ts";
import type { HistoryRequest, HistoryResult } from "../../../src/core/ports/message-log.ts";

const QUOTA = { limit: 5, remaining: 4, reset: 3600 };

/** A log of the messages `first` to `seq`, and what was asked of it. */
function logOf(first: number, seq: number, body = "{}") {
  const asked: HistoryRequest[] = [];
  const history = (request: HistoryRequest, done: (result: HistoryResult) => void) => {
    asked.push(request);
    const range = historyRange(request, { first, seq });
    const entries: Entry[] = [];
    for (let n = range.first; n <= range.last; n++)
      entries.push({ kind: "message", seq: n, id: `m${n}`, from: "ann", at: n, body });
    const quota = request.limit === 0 ? null : QUOTA;
    done({ outcome: "read", entries, more: range.more, quota });
  };
  return { asked, history };
}

function around(log: ReturnType<typeof logOf>, seq: number, count: number) {
  let found: HistoryResult | undefined;
  const request = { conversation: "room", user: "ann", limit: 5, count, around: seq };
  readHistory(log, request, (result) => {
    found = result;
  });
  if (found?.outcome !== "read") throw new Error("not read");
  return { seqs: found.entries.map((entry) => entry.seq), more: found.more, quota: found.quota };
}

test("D6 a page around a message has it in its middle, is charged once, and says whether there are older ones", () => {
  const log = logOf(1, 20);
  expect(around(log, 10, 5)).toEqual({ seqs: [8, 9, 10, 11, 12], more: true, quota: QUOTA });
  expect(log.asked.map(({ limit }) => limit)).toEqual([5, 0]);
  expect(around(log, 2, 4)).toEqual({ seqs: [1, 2, 3], more: false, quota: QUOTA });
  expect(around(log, 20, 4)).toEqual({ seqs: [18, 19, 20], more: true, quota: QUOTA });
  expect(around(log, 10, 1)).toEqual({ seqs: [10], more: true, quota: QUOTA });
  expect(around(log, 1, 1)).toEqual({ seqs: [1], more: false, quota: QUOTA });
  expect(around(log, 99, 4)).toEqual({ seqs: [19, 20], more: true, quota: QUOTA });
  expect(around(log, 0, 4)).toEqual({ seqs: [1, 2], more: false, quota: QUOTA });
  expect(around(logOf(1, 0), 3, 4)).toEqual({ seqs: [], more: false, quota: QUOTA });
  expect(around(logOf(9, 20), 10, 6)).toEqual({ seqs: [9, 10, 11, 12], more: false, quota: QUOTA });
});

test("B3 long messages: those that are farthest from the middle are left out, and the middle never is", () => {
  const long = logOf(1, 20, "x".repeat(MAX_HISTORY_BYTES / 4));
  expect(around(long, 10, 10)).toEqual({ seqs: [8, 9, 10, 11], more: true, quota: QUOTA });
  const huge = logOf(1, 20, "x".repeat(MAX_HISTORY_BYTES + 1));
  expect(around(huge, 10, 10)).toEqual({ seqs: [10], more: true, quota: QUOTA });
  expect(around(huge, 1, 10)).toEqual({ seqs: [1], more: false, quota: QUOTA });
});

test("Q1 Q4 a page around a message that is over the quota is refused", () => {
  const refused = { outcome: "rate_limited", retryAfter: 5, quota: { ...QUOTA, remaining: 0 } } as const;
  const log = logOf(1, 20);
  const engine = {
    history: (request: HistoryRequest, done: (result: HistoryResult) => void) =>
      request.limit > 0 ? done(refused) : log.history(request, done),
  };
  const results: HistoryResult[] = [];
  const request = { conversation: "room", user: "ann", limit: 5, count: 4, around: 10 };
  readHistory(engine, request, (result) => results.push(result));
  expect(results).toEqual([refused]);
});
