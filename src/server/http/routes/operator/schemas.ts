// The schemas of the operator's API: what each verb is asked, and what it answers.
import { z } from "zod";
import { RIGHTS } from "../../../../core/access/api-keys.ts";
import {
  isConversationPattern,
  MAX_GRANTED_CONVERSATIONS,
  type Right,
} from "../../../../core/access/grants.ts";
import { ERASURE_STEPS } from "../../../../core/person/erasure.ts";
import { Identifier } from "../../../../protocol/identifiers.ts";
import { ListQuery } from "../../../../protocol/member-requests.ts";
import { Quota } from "../../../../protocol/server-frames.ts";
import type { VerbSchemas } from "../../schemas/verb-schemas.ts";
import { GET_ACTIVITY } from "./activity-schema.ts";
import { WEBHOOK_VERBS } from "./webhook-schemas.ts";

/** Milliseconds since 1970 (N1). */
const Moment = z.int().min(0);

/** Seconds (N1). */
const Duration = z.number().min(0);

/** A page of a list (N7). */
const listOf = <Name extends string, Item extends z.ZodType>(name: Name, item: Item) =>
  z.strictObject({
    ...({ [name]: z.array(item) } as { [N in Name]: z.ZodArray<Item> }),
    more: z.boolean(),
    cursor: z.string().optional(),
  });

const Plan = z.string("must be a string").min(1, "must not be empty").max(128, "must be a name of PLANS");
const Disabled = z.boolean("must be true or false");
const Password = z.string("must be a string");

const UserFields = {
  user: Identifier,
  plan: z.string(),
  disabled: z.boolean(),
  /** Created with the published password. */
  demo: z.boolean(),
  /** Whether it has one, and so can sign in at `/token`. */
  password: z.boolean(),
  /** When it was created. */
  at: Moment,
};

export const User = z.strictObject(UserFields);

export const LIST_USERS = {
  query: ListQuery.extend({
    plan: Plan.optional(),
    disabled: z
      .enum(["true", "false"], "must be `true` or `false`")
      .transform((text) => text === "true")
      .optional(),
  }),
  answers: { 200: listOf("users", User) },
} satisfies VerbSchemas;

export const GET_USER = {
  answers: {
    200: z.strictObject({ ...UserFields, quota: Quota.nullable(), connections: z.int().min(0) }),
  },
} satisfies VerbSchemas;

export const PUT_USER = {
  body: z.strictObject({
    plan: Plan.optional(),
    disabled: Disabled.optional(),
    password: Password.optional(),
  }),
  answers: { 200: User, 201: User },
} satisfies VerbSchemas;

export const PATCH_USER = {
  body: z.strictObject({
    plan: Plan.optional(),
    disabled: Disabled.optional(),
    password: Password.nullable().optional(),
  }),
  answers: { 200: User },
} satisfies VerbSchemas;

export const DELETE_USER = { answers: { 204: null } } satisfies VerbSchemas;

export const SIGN_OUT_USER = { answers: { 204: null } } satisfies VerbSchemas;

const Erasure = z.strictObject({
  id: z.string(),
  state: z.enum(["running", "done"]),
  /** What is being done; missing when it has ended. */
  step: z.enum(ERASURE_STEPS).optional(),
  /** How much was erased, by the kind of data. */
  erased: z.record(z.string(), z.int().min(0)),
  started_at: Moment,
  ended_at: Moment.optional(),
});

/** As the lines of `parley user export` have them. */
export const EXPORT_USER = {
  answers: {
    200: z.strictObject({
      user: Identifier,
      at: Moment,
      records: z.array(z.looseObject({ type: z.string() })),
    }),
  },
} satisfies VerbSchemas;

export const ERASE_USER = { answers: { 200: Erasure, 202: Erasure } } satisfies VerbSchemas;

export const GET_ERASURE = { answers: { 200: Erasure } } satisfies VerbSchemas;

const TokenId = z
  .string("must be a string")
  .min(1, "must not be empty")
  .max(512, "must be 512 characters or less")
  .refine((text) => text.isWellFormed(), "holds half of a surrogate pair, which is no character");

export const Revocation = z.union([
  z.strictObject({ user: Identifier, before: Moment }),
  z.strictObject({ token_id: TokenId }),
]);

export const POST_REVOCATION = {
  body: z
    .strictObject({
      user: Identifier.optional(),
      token_id: TokenId.optional(),
      token: z.string("must be a string").max(16_000, "must be a token").optional(),
    })
    .refine(
      (body) => Object.values(body).filter((value) => value !== undefined).length === 1,
      "one of `user`, `token_id` and `token` must be there",
    ),
  answers: { 201: Revocation },
} satisfies VerbSchemas;

export const LIST_REVOCATIONS = {
  query: ListQuery.extend({}),
  answers: { 200: listOf("revocations", Revocation) },
} satisfies VerbSchemas;

export const LIST_NODES = {
  answers: {
    200: listOf(
      "nodes",
      z.strictObject({
        /** Missing on the embedded store, which has one server. */
        node: z.string().optional(),
        /** Missing until it listens. */
        url: z.string().optional(),
        version: z.string(),
        /** When it started. */
        at: Moment,
        connections: z.int().min(0),
        /** How long its last request to the store took. */
        lag: Duration.optional(),
        /** How long it counts as alive without a renewal; 0: it has expired. */
        lease: Duration.optional(),
      }),
    ),
  },
} satisfies VerbSchemas;

export const GET_STATISTICS = {
  answers: {
    200: z.strictObject({
      at: Moment,
      /** The server that answers. */
      server: z.strictObject({
        version: z.string(),
        uptime: Duration,
        connections: z.int(),
        /** Conversations that somebody has open here. */
        open_conversations: z.int(),
        memory_bytes: z.int(),
        /** Since the start: messages by what became of them, and frames with messages that clients got. */
        messages: z.record(z.string(), z.int()),
      }),
      /** All servers that share the store. */
      cluster: z.strictObject({ nodes: z.int(), connections: z.int() }),
      store: z.strictObject({
        engine: z.enum(["embedded", "redis"]),
        bytes: z.int().optional(),
        accounts: z.int(),
        conversations: z.int().optional(),
        messages: z.int().optional(),
      }),
    }),
  },
} satisfies VerbSchemas;

const RightName = z.enum(RIGHTS as [Right, ...Right[]], "must be `read`, `write` or `manage`");

const Patterns = z
  .array(
    z
      .string("must be a string")
      .refine(isConversationPattern, "must be a conversation, or a beginning with `*` at the end"),
    "must be a list of conversations",
  )
  .min(1, "must have a conversation")
  .max(MAX_GRANTED_CONVERSATIONS, `must have ${MAX_GRANTED_CONVERSATIONS} entries or less`);

const ApiKeyGrants = {
  rights: z
    .array(RightName, "must be a list of rights")
    .min(1, "must have a right")
    .refine((rights) => new Set(rights).size === rights.length, "must not name a right twice"),
  /** Without it: all. */
  conversations: Patterns.optional(),
};

export const ApiKeyFacts = z.strictObject({
  name: Identifier,
  ...ApiKeyGrants,
  at: Moment.optional(),
  /** The key that made it. */
  by: Identifier.optional(),
  /** It is in API_KEYS of the server that answers, and not in the store. */
  setting: z.literal(true).optional(),
});

export const LIST_API_KEYS = {
  query: ListQuery.extend({}),
  answers: { 200: listOf("api_keys", ApiKeyFacts) },
} satisfies VerbSchemas;

export const POST_API_KEY = {
  body: z.strictObject({ name: Identifier, ...ApiKeyGrants }),
  answers: { 201: ApiKeyFacts.extend({ key: z.string() }) },
} satisfies VerbSchemas;

export const DELETE_API_KEY = { answers: { 204: null } } satisfies VerbSchemas;

const MAX_LIMIT = 999_999_999;

/** 0: no limit. */
const Limit = z
  .int("must be a whole number")
  .min(0, "must be 0 or more")
  .max(MAX_LIMIT, `must be ${MAX_LIMIT} or less`);

/** A field that is missing: as in the server's settings. */
export const Retention = z.strictObject({ messages: Limit.optional(), days: Limit.optional() });

export const GET_RETENTION = { answers: { 200: Retention } } satisfies VerbSchemas;

export const PUT_RETENTION = { body: Retention, answers: { 200: Retention } } satisfies VerbSchemas;

export const DELETE_RETENTION = { answers: { 204: null } } satisfies VerbSchemas;

export const KeptConversation = z.strictObject({
  conversation: Identifier,
  access: z.enum(["anyone", "members"]),
  title: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  seq: z.int(),
  epoch: z.string(),
  at: Moment,
});

export const LIST_CONVERSATIONS = {
  query: ListQuery.extend({}),
  answers: { 200: listOf("conversations", KeptConversation) },
} satisfies VerbSchemas;

/** Every verb of the operator's API, by its method and path. */
export const OPERATOR_VERBS = {
  "GET /users": LIST_USERS,
  "GET /users/:user": GET_USER,
  "PUT /users/:user": PUT_USER,
  "PATCH /users/:user": PATCH_USER,
  "DELETE /users/:user": DELETE_USER,
  "POST /users/:user/sign-out": SIGN_OUT_USER,
  "GET /users/:user/export": EXPORT_USER,
  "POST /users/:user/erase": ERASE_USER,
  "GET /erasures/:erasure": GET_ERASURE,
  "GET /revocations": LIST_REVOCATIONS,
  "POST /revocations": POST_REVOCATION,
  "GET /nodes": LIST_NODES,
  "GET /statistics": GET_STATISTICS,
  "GET /activity": GET_ACTIVITY,
  "GET /api-keys": LIST_API_KEYS,
  "POST /api-keys": POST_API_KEY,
  "DELETE /api-keys/:name": DELETE_API_KEY,
  "GET /conversations": LIST_CONVERSATIONS,
  "GET /conversations/:id/retention": GET_RETENTION,
  "PUT /conversations/:id/retention": PUT_RETENTION,
  "DELETE /conversations/:id/retention": DELETE_RETENTION,
  ...WEBHOOK_VERBS,
} as const satisfies Readonly<Record<string, VerbSchemas>>;
