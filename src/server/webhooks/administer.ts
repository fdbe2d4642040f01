// Webhooks as operators make and change them, over HTTP and in the command line.
import type { FeedPosition } from "../../core/ports/feed/feed.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import type { WebhookChange } from "../../core/webhooks/operate.ts";
import type { StoredWebhook, Webhook } from "../../core/webhooks/webhook.ts";
import { makeWebhookSecret } from "./signature.ts";

/** The number of tries to change a webhook that others change at the same time. */
const MAX_ATTEMPTS = 20;

/** A webhook as an operator asks for it. */
export interface WebhookRequest extends Pick<Webhook, "url" | "types" | "conversations" | "by"> {
  /** Its name; without it, one is made. */
  readonly id?: string | undefined;
}

/** Where the first events are read: at a position, or at the oldest one that happened since then. */
export type WebhookStart = { readonly position: FeedPosition; readonly since?: number };

export type AddedWebhook =
  /** `secret` signs, and is shown this once. */
  | { readonly outcome: "added"; readonly webhook: StoredWebhook; readonly secret: string }
  /** The same was asked for before. */
  | { readonly outcome: "duplicate"; readonly webhook: StoredWebhook }
  | { readonly outcome: "taken" | "full" };

/** Adds a webhook. `now` is the time in milliseconds since 1970. */
export async function addWebhook(
  webhooks: WebhookStore,
  { id = `wh_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`, ...request }: WebhookRequest,
  start: WebhookStart,
  now: number,
): Promise<AddedWebhook> {
  const secret = makeWebhookSecret();
  const { url, types, conversations, by } = request;
  const webhook: StoredWebhook = {
    ...{ id, url, ...(types && { types }), ...(conversations && { conversations }) },
    ...{ secrets: [{ secret }], createdAt: now, ...(by !== undefined && { by }) },
    ...{ status: { state: "active" }, revision: 1 },
    progress: { course: 0, ...start, retries: [] },
  };
  const outcome = await webhooks.add(webhook);
  if (outcome === "added") return { outcome, webhook, secret };
  if (outcome === "full") return { outcome };
  const stored = await webhooks.find(id);
  return stored !== undefined && isSame(stored, webhook)
    ? { outcome: "duplicate", webhook: stored }
    : { outcome: "taken" };
}

export type ChangedWebhook =
  | { readonly outcome: "changed" | "unchanged"; readonly webhook: StoredWebhook }
  | { readonly outcome: "missing" | "busy" };

/** Changes a webhook as `decide` says of what is stored; undefined changes nothing. */
export async function changeWebhook(
  webhooks: WebhookStore,
  id: string,
  decide: (stored: StoredWebhook) => WebhookChange | undefined,
): Promise<ChangedWebhook> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const stored = await webhooks.find(id);
    if (stored === undefined) return { outcome: "missing" };
    const change = decide(stored);
    if (change === undefined) return { outcome: "unchanged", webhook: stored };
    if (await webhooks.change(change))
      return {
        outcome: "changed",
        webhook: { progress: stored.progress, ...change.webhook, ...progressOf(change) },
      };
  }
  return { outcome: "busy" };
}

function progressOf({ progress }: WebhookChange): Pick<StoredWebhook, "progress"> | object {
  return progress === undefined ? {} : { progress };
}

function isSame(one: Webhook, other: Webhook): boolean {
  const fields = ({ url, types, conversations }: Webhook) => JSON.stringify([url, types, conversations]);
  return fields(one) === fields(other);
}
