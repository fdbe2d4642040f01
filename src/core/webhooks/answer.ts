import type { StoredWebhook } from "./webhook.ts";

/** Events of a webhook that were not accepted yet. Without `since` it is not known whether there are any. */
export interface WaitingEvents {
  /** When the oldest one happened, in milliseconds since 1970. */
  readonly since?: number;
}

/** What an operator is answered of a webhook: never a secret. Times by the rules of the protocol (N1). `waiting`: undefined where none waits. */
export function webhookAnswer(
  { id, url, types, conversations, secrets, createdAt, by, status, progress }: StoredWebhook,
  waiting: WaitingEvents | undefined,
) {
  const { position, retries, lastSuccess, lastFailure } = progress;
  const formerUntil = secrets[1]?.until;
  return {
    id,
    url,
    ...(types !== undefined && { types: [...types] }),
    ...(conversations !== undefined && { conversations: [...conversations] }),
    at: createdAt,
    ...(by !== undefined && { by }),
    state: status.state,
    ...(status.state === "paused" && { reason: status.reason }),
    ...(status.state !== "active" && { since: status.at }),
    ...(formerUntil !== undefined && { former_secret: { until: formerUntil } }),
    position,
    ...(waiting !== undefined && { waiting }),
    retries: retries.map(({ event, attempts, since, nextAt }) => ({ event, attempts, since, at: nextAt })),
    ...(lastSuccess && { last_success: lastSuccess }),
    ...(lastFailure && { last_failure: lastFailure }),
  };
}

export type WebhookAnswer = ReturnType<typeof webhookAnswer>;
