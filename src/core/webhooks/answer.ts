import type { StoredWebhook } from "./webhook.ts";

/** What an operator is answered of a webhook: never a secret. Times by the rules of the protocol (N1). */
export function webhookAnswer({
  id,
  url,
  types,
  conversations,
  secrets,
  createdAt,
  by,
  status,
  progress,
}: StoredWebhook) {
  const { position, waitingSince, retries, lastSuccess, lastFailure } = progress;
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
    ...(waitingSince !== undefined && { waiting: { since: waitingSince } }),
    retries: retries.map(({ event, attempts, since, nextAt }) => ({ event, attempts, since, at: nextAt })),
    ...(lastSuccess && { last_success: lastSuccess }),
    ...(lastFailure && { last_failure: lastFailure }),
  };
}
