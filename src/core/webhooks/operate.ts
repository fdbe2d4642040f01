// What operators do with a webhook: pure functions from the stored webhook to the changed one. Undefined where nothing changes.
import { type FeedPosition, MAX_POSITION_LENGTH, OLDEST_POSITION } from "../ports/feed/feed.ts";
import type { StoredWebhook, Webhook, WebhookProgress } from "./webhook.ts";

/** A change of a webhook; with `progress` a new course begins, and what the sender still writes is refused. */
export interface WebhookChange {
  readonly webhook: Webhook;
  readonly progress?: WebhookProgress;
}

/** For how long the secret before still signs after a rotation, in seconds, where nothing else is asked. */
export const DEFAULT_OVERLAP_S = 86_400;

/** The longest time for which two secrets sign, in seconds. */
export const MAX_OVERLAP_S = 30 * 86_400;

/** Stops sending until `resume`. The events of the meantime are sent then, as far as they are kept. */
export function pauseWebhook(stored: StoredWebhook, now: number): WebhookChange | undefined {
  if (stored.status.state !== "active") return undefined;
  return { webhook: changed(stored, { status: { state: "paused", reason: "operator", at: now } }) };
}

/**
 * Sends again from the kept position, also where the receiver had ended it. Events that wait for a retry, also those of an active
 * webhook, are tried at once, and as if they were new. `now` is in milliseconds since 1970.
 */
export function resumeWebhook(stored: StoredWebhook, now: number): WebhookChange | undefined {
  if (stored.status.state === "active" && stored.progress.retries.length === 0) return undefined;
  return {
    webhook: changed(stored, { status: { state: "active" } }),
    progress: retryNow(stored.progress, now),
  };
}

/**
 * Returns why `after` can be no position of the feed of any engine, or undefined. For callers that have no feed to read: only the
 * engine knows whether it has given this position.
 */
export function explainReplayAfter(after: string): string | undefined {
  const isShaped = after.length <= MAX_POSITION_LENGTH && /^[\w-]+(\.[\w-]+)+$/.test(after);
  return isShaped || after === OLDEST_POSITION
    ? undefined
    : "is not a position of the feed, as `parley events` prints them";
}

/**
 * Returns what is wrong with the time from which events are sent again, as the words after its name, or undefined. A time that is still
 * to come would drop all events until then. `since` and `now` in milliseconds since 1970.
 */
export function explainReplaySince(since: number, now: number): string | undefined {
  return since > now ? "must not be later than now" : undefined;
}

/** Sends the events after a position, or from a time on, again; `after` MUST be a position of this feed, and `since` no later than now. */
export function replayWebhook(
  stored: StoredWebhook,
  from: { readonly after: FeedPosition } | { readonly since: number },
): WebhookChange {
  const place = "after" in from ? { position: from.after } : { position: OLDEST_POSITION, since: from.since };
  return { webhook: changed(stored, {}), progress: newCourse(stored.progress, place) };
}

/** Gives a webhook a new secret; the one before signs, too, for `overlap` seconds. */
export function rotateSecret(
  stored: StoredWebhook,
  secret: string,
  overlap: number,
  now: number,
): WebhookChange {
  const former = stored.secrets.slice(0, 1).map(({ secret }) => ({ secret, until: now + overlap * 1000 }));
  return { webhook: changed(stored, { secrets: [{ secret }, ...(overlap > 0 ? former : [])] }) };
}

/** Changes what is named; null drops a filter. Events that wait for a retry are tried at once at another address. */
export function editWebhook(
  stored: StoredWebhook,
  fields: {
    readonly url?: string | undefined;
    readonly types?: Webhook["types"] | null;
    readonly conversations?: Webhook["conversations"] | null;
  },
  now: number,
): WebhookChange | undefined {
  const {
    url = stored.url,
    types: newTypes = stored.types,
    conversations: newConversations = stored.conversations,
  } = fields;
  const { types: _types, conversations: _conversations, ...rest } = changed(stored, { url });
  const webhook: Webhook = {
    ...rest,
    ...(newTypes != null && { types: newTypes }),
    ...(newConversations != null && { conversations: newConversations }),
  };
  const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  const isSame =
    url === stored.url &&
    same(webhook.types, stored.types) &&
    same(webhook.conversations, stored.conversations);
  if (isSame) return undefined;
  const hasRetries = url !== stored.url && stored.progress.retries.length > 0;
  return { webhook, ...(hasRetries && { progress: retryNow(stored.progress, now) }) };
}

/** A new course from the same place, whose failed events are due. They stay named, so that the sender knows when all are accepted. */
function retryNow(progress: WebhookProgress, now: number): WebhookProgress {
  const { waitingSince, retries } = progress;
  return {
    ...newCourse(progress, {}),
    ...(waitingSince !== undefined && { waitingSince }),
    retries: retries.map(({ event }) => ({ event, attempts: 0, since: now, nextAt: now })),
  };
}

function changed(
  { progress: _progress, ...webhook }: StoredWebhook,
  fields: Partial<Pick<Webhook, "status" | "secrets" | "url">>,
): Webhook {
  return { ...webhook, ...fields, revision: webhook.revision + 1 };
}

function newCourse(
  { course, position, since, lastSuccess, lastFailure }: WebhookProgress,
  place: { readonly position?: FeedPosition; readonly since?: number },
): WebhookProgress {
  const from = "position" in place ? place : { position, ...(since !== undefined && { since }) };
  return {
    position,
    ...from,
    course: course + 1,
    retries: [],
    ...(lastSuccess && { lastSuccess }),
    ...(lastFailure && { lastFailure }),
  };
}
