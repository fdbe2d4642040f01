import type { FeedActivity, WebhookActivity } from "../../core/activity/node-activity.ts";

/** The largest lag by the kind of reader, in seconds; without a reader of a kind it is missing. */
export function largestLags({
  webhooks,
  unread,
}: FeedActivity): Partial<Record<"webhooks" | "paused_webhooks" | "unread", number>> {
  const largest = (state: WebhookActivity["state"]) => {
    const lags = webhooks.filter((webhook) => webhook.state === state).map(({ lag }) => lag);
    return lags.length === 0 ? undefined : Math.max(...lags);
  };
  const [active, paused] = [largest("active"), largest("paused")];
  return {
    ...(active !== undefined && { webhooks: active }),
    ...(paused !== undefined && { paused_webhooks: paused }),
    ...(unread !== undefined && { unread: unread.lag }),
  };
}

/** The number of webhooks by state. */
export function webhookStates({
  webhooks,
}: FeedActivity): Record<"active" | "failing" | "paused" | "ended", number> {
  const states = { active: 0, failing: 0, paused: 0, ended: 0 };
  for (const { state, failure } of webhooks)
    states[state === "active" && failure !== undefined ? "failing" : state]++;
  return states;
}

/** The largest `retry_age` of a webhook, in seconds; 0 where none has one. */
export function largestRetryAge({ webhooks }: FeedActivity): number {
  return Math.max(0, ...webhooks.map(({ retry_age = 0 }) => retry_age));
}
