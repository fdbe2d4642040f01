import type { EventDefinitions } from "./definition.ts";

/** Events of the operator's server that approves what is said (APPROVAL_URL). */
export const APPROVAL_EVENTS = {
  "approval.rejected": {
    level: "info",
    fields: ["question", "question_type", "conversation", "user"],
    text: "the server at `APPROVAL_URL` refused something; `question` is the `id` that it was asked under",
    thinned: true,
  },
  "approval.replaced": {
    level: "info",
    fields: ["question", "question_type", "conversation", "user"],
    text: "the server at `APPROVAL_URL` put another content in the place of what it was asked about",
    thinned: true,
  },
  "approval.failed": {
    level: "warn",
    fields: ["question", "question_type", "conversation", "user", "reason"],
    text: "the server at `APPROVAL_URL` did not answer in time, or not as [APPROVAL.md](protocol/APPROVAL.md) says; `APPROVAL_FAIL` decided",
    thinned: true,
  },
  "approval.unavailable": {
    level: "error",
    fields: ["url", "policy"],
    text: "the server at `APPROVAL_URL` failed five times in a row. It is tried once a second; meanwhile everything is accepted (`policy` is `open`) or gets `unavailable` (`closed`)",
    urgent: true,
  },
  "approval.recovered": {
    level: "info",
    fields: ["url"],
    text: "the server at `APPROVAL_URL` answers again",
  },
} as const satisfies EventDefinitions;
