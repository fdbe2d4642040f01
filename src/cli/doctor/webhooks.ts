import type { WebhookStanding } from "../../core/webhooks/standing.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** The facts about webhooks. */
export interface WebhookFacts {
  readonly webhooks: readonly WebhookStanding[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** An active webhook whose oldest event waits for longer than this is a warning, in milliseconds. */
const LATE_MS = 600_000;

/** Checks whether the receivers of webhooks accept events. */
export const WEBHOOKS_CHECK = defineCheck({
  name: "webhooks",
  collect({ data }): WebhookFacts | string {
    const store = data.kind === "redis" ? data.redis : data.kind === "embedded" ? data.store : undefined;
    if (store === undefined || "error" in store) return "There is no store that can be read.";
    return { webhooks: store.webhooks, now: Date.now() };
  },
  evaluate: evaluateWebhooks,
});

/** Evaluates the facts about webhooks. */
export function evaluateWebhooks({ webhooks, now }: WebhookFacts): CheckResult {
  const findings = webhooks.flatMap((webhook) => findingOf(webhook, now) ?? []);
  const count = webhooks.length === 1 ? "1 webhook" : `${webhooks.length} webhooks`;
  return {
    findings: findingsOr(
      findings,
      webhooks.length === 0 ? "There are no webhooks." : `${count}; ${describeWaiting(webhooks)}.`,
    ),
  };
}

/** As `parley top` says it, which shows each delay and failure at once. */
function describeWaiting(webhooks: readonly WebhookStanding[]): string {
  const waiting = webhooks.filter(({ waitingSince }) => waitingSince !== undefined);
  const failing = webhooks.filter(({ isFailing }) => isFailing);
  if (waiting.length === 0 && failing.length === 0) return "no event is known to wait";
  const named = failing.map(({ id, failure }) => `${id}: ${failure}`).join(", ");
  const failures = failing.length === 0 ? "" : `; ${failing.length} failing (${named})`;
  return `no event has waited for ${LATE_MS / 60_000} minutes${failures}`;
}

function findingOf({ id, status, waitingSince, failure }: WebhookStanding, now: number): Finding | undefined {
  const because = failure === undefined ? "" : ` (${failure})`;
  switch (status.state) {
    case "paused":
      return status.reason === "operator"
        ? { mark: "warning", text: `The webhook ${id} is paused.`, advice: `parley webhook resume ${id}` }
        : {
            mark: "problem",
            text: `The webhook ${id} is paused, because its receiver did not accept an event for three days${because}.`,
            advice: `Repair the receiver, then run: parley webhook resume ${id}`,
          };
    case "ended":
      return {
        mark: "warning",
        text: `The receiver of the webhook ${id} answered 410: it wants no more events.`,
        advice: `parley webhook remove ${id}, or parley webhook resume ${id}`,
      };
    case "active":
      if (waitingSince === undefined || now - waitingSince < LATE_MS) return undefined;
      return {
        mark: "warning",
        text: `The webhook ${id} is behind: its oldest event waits since ${new Date(waitingSince).toISOString()}${because}.`,
        advice: "See `parley webhook list`, and the log of the receiver.",
      };
    default:
      return status satisfies never;
  }
}
