// All verbs of the HTTP API. docs/openapi.json and docs/HTTP.md are made from them.
import { OPERATOR_VERBS } from "../routes/operator/schemas.ts";
import { ACCESS_VERBS } from "./access.ts";
import { CONVERSATION_VERBS } from "./conversations.ts";
import { MESSAGE_VERBS } from "./messages.ts";

/** The schemas of every verb, by its method and path: `GET /conversations/:id`. */
export const HTTP_VERBS = {
  ...ACCESS_VERBS,
  ...CONVERSATION_VERBS,
  ...MESSAGE_VERBS,
  ...OPERATOR_VERBS,
} as const;

export type VerbName = keyof typeof HTTP_VERBS;
