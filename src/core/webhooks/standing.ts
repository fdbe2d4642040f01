import type { StoredWebhook, WebhookProgress, WebhookStatus } from "./webhook.ts";

/** How a webhook stands, as `parley doctor` reports it. Times in milliseconds since 1970. */
export interface WebhookStanding {
  readonly id: string;
  readonly status: WebhookStatus;
  /** When the oldest event that was not accepted happened; undefined where none waits. */
  readonly waitingSince: number | undefined;
  /** Why the newest attempt that failed did. */
  readonly failure: string | undefined;
  /** Whether that attempt was the newest one: nothing was accepted since. */
  readonly isFailing: boolean;
}

export function standingOf({ id, status, progress }: StoredWebhook): WebhookStanding {
  const { waitingSince, lastFailure } = progress;
  return { id, status, waitingSince, failure: lastFailure?.reason, isFailing: isFailing(progress) };
}

/** Whether nothing was accepted since the newest failure. */
export function isFailing({ lastSuccess, lastFailure }: WebhookProgress): boolean {
  return lastFailure !== undefined && lastFailure.at >= (lastSuccess?.at ?? 0);
}
