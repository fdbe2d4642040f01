import { expect, test } from "bun:test";
import { type ApprovalFacts, evaluateApproval } from "../../../src/cli/doctor/approval.ts";
import { type CheckStatus, worstStatus } from "../../../src/cli/doctor/check.ts";

const HEALTHY: ApprovalFacts = {
  ...{ origin: "https://app.example.com", approvalFail: "closed", approvalSecret: ["whsec_x"] },
  answer: { status: 405, tookMs: 3 },
};

test.each<readonly [CheckStatus, string, Partial<ApprovalFacts>]>([
  ["ok", "can be reached", {}],
  ["problem", "cannot be reached (refused): no message is stored", { answer: { error: "refused" } }],
  ["problem", "all messages are stored", { answer: { error: "refused" }, approvalFail: "open" }],
  ["warning", "status 502", { answer: { status: 502, tookMs: 3 } }],
  ["warning", "takes 0.9 s", { answer: { status: 405, tookMs: 900 } }],
  ["warning", "APPROVAL_SECRET is not set", { approvalSecret: [] }],
])("the server that approves messages: %s, since it %s", (mark, words, change) => {
  const { findings } = evaluateApproval({ ...HEALTHY, ...change });
  expect(worstStatus(findings)).toBe(mark);
  expect(findings.map(({ text }) => text).join(" ")).toContain(words);
});
