// The schemas of the verbs with which users sign in, and of those about the server itself.
import { z } from "zod";
import { Identifier } from "../../../protocol/identifiers.ts";
import { Quota } from "../../../protocol/server-frames.ts";
import type { VerbSchemas } from "./verb-schemas.ts";

/** What a sign-in or a refresh is answered. The refresh token is there where it was asked for, and with each refresh. */
export const Tokens = z.object({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  /** Seconds. */
  expires_in: z.number(),
  refresh_token: z.string().optional(),
  /** Seconds. */
  refresh_expires_in: z.number().optional(),
  user: Identifier,
  plan: z.string(),
});

/** Either the password grant, with `username` and `password`, or the refresh grant, with `refresh_token`. */
const TokenForm = z.object({
  grant_type: z.enum(["password", "refresh_token"]).optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  /** With `offline_access` in it, the answer has a refresh token. */
  scope: z.string().optional(),
  refresh_token: z.string().optional(),
});

const Alive = z.object({ status: z.literal("ok") });
const Ready = z.object({ status: z.literal("ready") });

/** By method and path. */
export const ACCESS_VERBS = {
  "POST /token": { body: TokenForm, answers: { 200: Tokens } },
  "POST /logout": { body: z.object({ refresh_token: z.string().optional() }), answers: { 204: null } },
  "POST /console/session/token": {
    body: z.object({ username: z.string(), password: z.string().optional() }),
    answers: { 200: Tokens.omit({ refresh_token: true }) },
  },
  "POST /console/session/end": { body: z.object({ username: z.string() }), answers: { 204: null } },
  "POST /ticket": {
    body: z.strictObject({ conversation: Identifier.optional() }),
    answers: { 200: z.object({ ticket: z.string(), expires_in: z.number() }) },
  },
  "GET /me": {
    answers: {
      200: z.object({
        user: Identifier,
        plan: z.string(),
        quota: Quota.nullable(),
        /** 0: no limit. */
        connections_limit: z.int(),
      }),
    },
  },
  "GET /healthz": { answers: { 200: Alive } },
  "GET /readyz": { answers: { 200: Ready } },
} as const satisfies Readonly<Record<string, VerbSchemas>>;
