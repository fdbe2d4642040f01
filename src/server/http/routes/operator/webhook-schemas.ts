// The schemas of the verbs of webhooks (docs/protocol/WEBHOOKS.md).
import { z } from "zod";
import { MAX_ENDPOINT_LENGTH } from "../../../../core/webhooks/endpoint.ts";
import { DEFAULT_OVERLAP_S, MAX_OVERLAP_S } from "../../../../core/webhooks/operate.ts";
import { Identifier } from "../../../../protocol/identifiers.ts";
import { ListQuery } from "../../../../protocol/member-requests.ts";
import { explainPatterns, readEventTypes } from "../../../feed/query.ts";
import type { VerbSchemas } from "../../schemas/verb-schemas.ts";

/** Milliseconds since 1970 (N1). */
const Moment = z.int("must be a whole number").min(0, "must be 0 or more");

const Url = z
  .string("must be a string")
  .max(MAX_ENDPOINT_LENGTH, `must be ${MAX_ENDPOINT_LENGTH} characters or less`);

const Types = z
  .array(z.string("must be a string"), "must be a list of types of events")
  .min(1, "must have a type")
  .max(100, "must have 100 entries or less")
  .refine(
    (types) => typeof readEventTypes(types.join(",")) !== "string",
    "must be types of events, such as `message.created` or `member.*`",
  );

const Conversations = z
  .array(z.string("must be a string"), "must be a list of conversations")
  .min(1, "must have a conversation")
  .refine(
    (patterns) => explainPatterns(patterns) === undefined,
    "must be at most 100 names, or beginnings with `*`",
  );

const Tried = { at: Moment, event: z.string() };

export const WebhookFacts = z.strictObject({
  id: Identifier,
  url: z.string(),
  /** Without it: all types. */
  types: z.array(z.string()).optional(),
  /** Without it: all conversations, and what is in none. */
  conversations: z.array(z.string()).optional(),
  /** When it was made. */
  at: Moment,
  /** The API key that made it; missing where the command line did. */
  by: z.string().optional(),
  state: z.enum(["active", "paused", "ended"]),
  /** Who paused it: an operator, or the failures of its receiver. */
  reason: z.enum(["operator", "failing"]).optional(),
  /** Since when it is paused or ended. */
  since: Moment.optional(),
  /** The secret before signs, too, until then. */
  former_secret: z.strictObject({ until: Moment }).optional(),
  position: z.string(),
  /** When the oldest event that was not accepted happened; missing where there is none. Without `since` that is not known. */
  waiting: z.strictObject({ since: Moment.optional() }).optional(),
  /** Events that are tried again at `at`. */
  retries: z.array(z.strictObject({ event: z.string(), attempts: z.int(), since: Moment, at: Moment })),
  last_success: z.strictObject(Tried).optional(),
  last_failure: z.strictObject({ ...Tried, reason: z.string() }).optional(),
});

const WithSecret = WebhookFacts.extend({ secret: z.string() });

export const LIST_WEBHOOKS = {
  query: ListQuery.extend({}),
  answers: {
    200: z.strictObject({
      webhooks: z.array(WebhookFacts),
      more: z.boolean(),
      cursor: z.string().optional(),
    }),
  },
} satisfies VerbSchemas;

export const POST_WEBHOOK = {
  body: z.strictObject({
    url: Url,
    types: Types.optional(),
    conversations: Conversations.optional(),
    /** Its name; a repeat with the same one adds nothing. */
    id: Identifier.optional(),
  }),
  answers: { 201: WithSecret, 200: WebhookFacts.extend({ duplicate: z.literal(true) }) },
} satisfies VerbSchemas;

export const GET_WEBHOOK = { answers: { 200: WebhookFacts } } satisfies VerbSchemas;

export const PATCH_WEBHOOK = {
  body: z.strictObject({
    url: Url.optional(),
    types: Types.nullable().optional(),
    conversations: Conversations.nullable().optional(),
  }),
  answers: { 200: WebhookFacts },
} satisfies VerbSchemas;

export const DELETE_WEBHOOK = { answers: { 204: null } } satisfies VerbSchemas;

/** Also of `resume`. */
export const PAUSE_WEBHOOK = { answers: { 200: WebhookFacts } } satisfies VerbSchemas;

export const REPLAY_WEBHOOK = {
  body: z
    .strictObject({
      /** A position of the feed. */
      after: z.string("must be a string").optional(),
      /** When the oldest event to send happened. */
      since: Moment.optional(),
    })
    .refine(
      ({ after, since }) => (after === undefined) !== (since === undefined),
      "one of `after` and `since` must be there",
    ),
  answers: { 200: WebhookFacts },
} satisfies VerbSchemas;

export const ROTATE_WEBHOOK = {
  body: z.strictObject({
    /** How long the secret before signs, too. */
    seconds: z
      .int("must be a whole number")
      .min(0, "must be 0 or more")
      .max(MAX_OVERLAP_S, `must be ${MAX_OVERLAP_S} or less`)
      .default(DEFAULT_OVERLAP_S),
  }),
  answers: { 200: WithSecret },
} satisfies VerbSchemas;

export const WEBHOOK_VERBS = {
  "GET /webhooks": LIST_WEBHOOKS,
  "POST /webhooks": POST_WEBHOOK,
  "GET /webhooks/:name": GET_WEBHOOK,
  "PATCH /webhooks/:name": PATCH_WEBHOOK,
  "DELETE /webhooks/:name": DELETE_WEBHOOK,
  "POST /webhooks/:name/pause": PAUSE_WEBHOOK,
  "POST /webhooks/:name/resume": PAUSE_WEBHOOK,
  "POST /webhooks/:name/replay": REPLAY_WEBHOOK,
  "POST /webhooks/:name/rotate": ROTATE_WEBHOOK,
} as const satisfies Readonly<Record<string, VerbSchemas>>;
