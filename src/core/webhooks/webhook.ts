import type { FeedEventType } from "../../protocol/feed/event-types.ts";
import type { FeedFilter } from "../feed/filter.ts";
import type { FeedPosition } from "../ports/feed/feed.ts";

/** Most webhooks of a store: the sending node reads the feed once for each. */
export const MAX_WEBHOOKS = 100;

/** What operators set of a webhook: a reader of the feed whose position Parley keeps (EV2). Times in milliseconds since 1970. */
export interface Webhook {
  readonly id: string;
  /** Where its events are sent, as `explainEndpoint` allows. */
  readonly url: string;
  /** Without them: all types. */
  readonly types?: readonly FeedEventType[];
  /** Names, or beginnings with a `*`. Without them: all conversations, and what is in none. */
  readonly conversations?: readonly string[];
  /** Newest first; the second one, which signs until its end, only while they are being rotated. */
  readonly secrets: readonly WebhookSecret[];
  readonly createdAt: number;
  /** The name of the API key that made it; missing where the command line did. */
  readonly by?: string;
  readonly status: WebhookStatus;
  /** Grows with each change by an operator. */
  readonly revision: number;
}

export interface WebhookSecret {
  /** `whsec_…` */
  readonly secret: string;
  /** It signs until this time; missing for the newest one. */
  readonly until?: number;
}

/**
 *              pause                        an event was tried too often
 *   active ────────────► paused (operator)  active ──────► paused (failing)
 *   active ── 410 ─────► ended              paused, ended ── resume ──► active, whose failed events are tried at once
 */
export type WebhookStatus =
  | { readonly state: "active" }
  | { readonly state: "paused"; readonly reason: "operator" | "failing"; readonly at: number }
  | { readonly state: "ended"; readonly at: number };

/** How far a webhook has come. Only the sending node writes it, except where an operator begins a new course. */
export interface WebhookProgress {
  /** Grows when an operator sets another position or address, or has the failed events tried again: what the sender still writes is refused. */
  readonly course: number;
  /** All events up to it have been accepted by the receiver. Some later ones may have been, too, and are sent again. */
  readonly position: FeedPosition;
  /** Events that happened before this time are left out. */
  readonly since?: number;
  /** The events that are to be tried again, at most DELIVERY_PLACES, and those that a stopped sender has left. */
  readonly retries: readonly Retry[];
  /** When the oldest event that was not accepted yet happened; missing where there is none. */
  readonly waitingSince?: number;
  readonly lastSuccess?: { readonly at: number; readonly event: string };
  readonly lastFailure?: { readonly at: number; readonly event: string; readonly reason: string };
}

/** An event that its receiver has not accepted, and that is to be sent again. */
export interface Retry {
  readonly event: string;
  /** How often it was sent since an operator resumed the webhook, without the attempts that the receiver asked to put off. */
  readonly attempts: number;
  /** When it was sent first, or the operator resumed the webhook. */
  readonly since: number;
  readonly nextAt: number;
  /** The receiver asked for a pause of everything until then. */
  readonly throttled?: boolean;
}

/** A webhook as a store keeps it. */
export interface StoredWebhook extends Webhook {
  readonly progress: WebhookProgress;
}

/** Returns which events of the feed are for a webhook. */
export function feedFilterOf({ types, conversations }: Pick<Webhook, "types" | "conversations">): FeedFilter {
  return {
    ...(types !== undefined && { types: new Set(types) }),
    ...(conversations !== undefined && { conversations }),
  };
}

/** Returns the secrets that sign now, newest first. */
export function signingSecrets(secrets: readonly WebhookSecret[], now: number): string[] {
  return secrets.filter(({ until }) => until === undefined || until > now).map(({ secret }) => secret);
}
