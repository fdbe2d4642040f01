import type { StoredWebhook, WebhookStatus } from "./webhook.ts";

/** How a webhook stands, as `parley doctor` reports it. Times in milliseconds since 1970. */
export interface WebhookStanding {
  readonly id: string;
  readonly status: WebhookStatus;
  /** When the oldest event that was not accepted happened; undefined where none waits. */
  readonly waitingSince: number | undefined;
  /** Why the newest attempt that failed did. */
  readonly failure: string | undefined;
}

export function standingOf({ id, status, progress }: StoredWebhook): WebhookStanding {
  return { id, status, waitingSince: progress.waitingSince, failure: progress.lastFailure?.reason };
}
