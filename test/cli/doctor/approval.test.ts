import { expect, test } from "bun:test";
import { APPROVAL_CHECK, type ApprovalFacts, evaluateApproval } from "../../../src/cli/doctor/approval.ts";
import { type CheckStatus, worstStatus } from "../../../src/cli/doctor/check.ts";
import { readSettings } from "../../../src/server/settings/read.ts";

const HEALTHY: ApprovalFacts = {
  ...{ origin: "https://app.example.com", approvalFail: "closed", approvalSecret: ["whsec_x"] },
  answer: { status: 405, tookMs: 3 },
};

test.each<readonly [CheckStatus, string, Partial<ApprovalFacts>]>([
  ["ok", "can be reached", {}],
  ["problem", "cannot be reached (refused): no message is stored", { answer: { error: "refused" } }],
  ["problem", "all messages are stored", { answer: { error: "refused" }, approvalFail: "open" }],
  // What refuses HEAD, or fails at it, may well answer questions.
  ["ok", "can be reached", { answer: { status: 501, tookMs: 3 } }],
  ["ok", "can be reached", { answer: { status: 500, tookMs: 3 } }],
  [
    "warning",
    "The server at APPROVAL_URL (https://app.example.com) seems to be away: HEAD is answered with status 502, as by a proxy before it. While it is away, no message is stored (`unavailable`).",
    { answer: { status: 502, tookMs: 3 } },
  ],
  ["warning", "takes 0.9 s", { answer: { status: 405, tookMs: 900 } }],
  ["warning", "APPROVAL_SECRET is not set", { approvalSecret: [] }],
])("the server that approves messages: %s, since it %s", (mark, words, change) => {
  const { findings } = evaluateApproval({ ...HEALTHY, ...change });
  expect(worstStatus(findings)).toBe(mark);
  expect(findings.map(({ text }) => text).join(" ")).toContain(words);
});

test("the server that approves messages: one that is not there is named in plain words", async () => {
  const read = readSettings({ env: { APPROVAL_URL: "http://127.0.0.1:1/", APPROVAL_FAIL: "closed" } });
  if ("problems" in read) throw new Error(read.problems.join());
  const { findings } = await APPROVAL_CHECK.run({ settings: read.settings, timeoutMs: 5_000 } as never);
  expect(findings[0]!.text).toBe(
    "The server at APPROVAL_URL (http://127.0.0.1:1) cannot be reached (nothing listens there): no message is stored (`unavailable`).",
  );
});
