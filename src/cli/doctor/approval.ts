import { explainRequestError } from "../../server/request-errors.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";

/** The facts about the server that approves messages. */
export interface ApprovalFacts extends Pick<Settings, "approvalFail" | "approvalSecret"> {
  /** The origin of its address. */
  readonly origin: string;
  readonly answer:
    | { readonly status: number; readonly tookMs: number }
    /** It did not answer. */
    | { readonly error: string };
}

/** An answer that takes longer is a warning, in milliseconds: a question has 1.5 seconds, and each sender waits for it. */
const SLOW_ANSWER_MS = 500;

/** A proxy answers so for a server that it cannot reach. Any other status, such as 405 or 501 to HEAD, says nothing about questions. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** Checks whether the server at APPROVAL_URL can be reached. It is asked nothing: HEAD is no question. */
export const APPROVAL_CHECK = defineCheck({
  name: "approval",
  async collect({ settings, timeoutMs }): Promise<ApprovalFacts | string> {
    if (settings === undefined) return "The settings are invalid.";
    const { approvalUrl: url, approvalFail, approvalSecret } = settings;
    if (url === undefined) return "APPROVAL_URL is not set: messages are stored without approval.";
    return { origin: new URL(url).origin, approvalFail, approvalSecret, answer: await reach(url, timeoutMs) };
  },
  evaluate: evaluateApproval,
});

/** Evaluates the facts about the server that approves messages. */
export function evaluateApproval({
  origin,
  approvalFail,
  approvalSecret = [],
  answer,
}: ApprovalFacts): CheckResult {
  const outcome =
    approvalFail === "open"
      ? "all messages are stored without approval"
      : "no message is stored (`unavailable`)";
  if ("error" in answer)
    return {
      findings: [
        {
          mark: "problem",
          text: `The server at APPROVAL_URL (${origin}) cannot be reached (${answer.error}): ${outcome}.`,
          advice: "Start it, or correct APPROVAL_URL.",
        },
      ],
    };
  const { status, tookMs } = answer;
  const findings: Finding[] = [];
  if (AWAY_STATUSES.has(status))
    findings.push({
      mark: "warning",
      text: `The server at APPROVAL_URL (${origin}) seems to be away: HEAD is answered with status ${status}, as by a proxy before it. While it is away, ${outcome}.`,
      advice: "Start it, or correct APPROVAL_URL.",
    });
  if (tookMs > SLOW_ANSWER_MS)
    findings.push({
      mark: "warning",
      text: `The server at APPROVAL_URL (${origin}) takes ${toSeconds(tookMs)} s for an answer. A question has 1.5 s, and each sender waits for it.`,
    });
  if (approvalSecret.length === 0)
    findings.push({
      mark: "warning",
      text: "APPROVAL_SECRET is not set: your server cannot know that Parley asks.",
      advice: "Set it on both sides to what this prints: echo whsec_$(openssl rand -base64 32)",
    });
  const values = { approval_seconds: toSeconds(tookMs) };
  return { findings: findingsOr(findings, `The server at APPROVAL_URL (${origin}) can be reached.`), values };
}

async function reach(url: string, timeoutMs: number): Promise<ApprovalFacts["answer"]> {
  const begun = performance.now();
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { status } = await fetch(url, { method: "HEAD", redirect: "manual", signal });
    return { status, tookMs: performance.now() - begun };
  } catch (error) {
    return { error: explainRequestError(error) };
  }
}
