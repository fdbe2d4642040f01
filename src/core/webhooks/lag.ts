import type { WebhookActivity } from "../activity/node-activity.ts";
import { isFailing } from "./standing.ts";
import type { Retry, StoredWebhook, WebhookStatus } from "./webhook.ts";

/**
 * Returns how far a webhook has come. `nextAt` is when the first event after its position happened; undefined where there is
 * none. Times in milliseconds since 1970.
 *
 * The sending node writes since when an event waits. Where no node sends (the webhook is paused, or the sender has died), the
 * event after the position says it.
 */
export function webhookActivity(
  { id, status, progress }: StoredWebhook,
  nextAt: number | undefined,
  now: number,
): WebhookActivity {
  const { waitingSince, since = 0, retries, lastFailure } = progress;
  const waiting = waitingSince ?? (nextAt === undefined ? undefined : Math.max(nextAt, since));
  // Nothing more is sent to one that has ended.
  const isBehind = waiting !== undefined && status.state !== "ended";
  return {
    id,
    state: status.state,
    ...(status.state === "paused" && { reason: status.reason }),
    lag: isBehind ? Math.max(0, now - waiting) / 1000 : 0,
    retries: retries.length,
    ...(isRefused(status) && retries.length > 0 && { retry_age: retryAge(retries, now) }),
    ...(lastFailure !== undefined && isFailing(progress) && { failure: lastFailure.reason }),
  };
}

/**
 * Whether events that wait for a retry are a fault of the receiver: of an active webhook, and of one that Parley has paused because it
 * failed too often. An operator who pauses a webhook wants that nothing is sent.
 */
function isRefused(status: WebhookStatus): boolean {
  return status.state === "active" || (status.state === "paused" && status.reason === "failing");
}

function retryAge(retries: readonly Retry[], now: number): number {
  return Math.max(0, now - Math.min(...retries.map(({ since }) => since))) / 1000;
}
