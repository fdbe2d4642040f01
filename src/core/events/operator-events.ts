import type { EventDefinitions } from "./definition.ts";

/** Events of what programs with an API key do over HTTP; `key` is who did it. */
export const OPERATOR_EVENTS = {
  "operator.user_created": {
    level: "info",
    fields: ["key", "address", "user", "plan", "disabled"],
    text: "a program has made an account",
  },
  "operator.user_changed": {
    level: "info",
    fields: ["key", "address", "user", "changed"],
    text: "a program has changed fields of an account; with a new password, its user was signed out",
  },
  "operator.user_removed": {
    level: "info",
    fields: ["key", "address", "user"],
    text: "a program has removed an account, whose user was signed out and has left all conversations",
  },
  "operator.user_signed_out": {
    level: "info",
    fields: ["key", "address", "user"],
    text: "a program has revoked all tokens that a user had got until then",
  },
  "operator.token_revoked": {
    level: "info",
    fields: ["key", "address", "token_id"],
    text: "a program has revoked a token",
  },
  "operator.api_key_created": {
    level: "info",
    fields: ["key", "address", "api_key", "rights"],
    text: "a program has made an API key",
  },
  "operator.api_key_revoked": {
    level: "info",
    fields: ["key", "address", "api_key"],
    text: "a program has revoked an API key",
  },
  "operator.retention_changed": {
    level: "info",
    fields: ["key", "address", "conversation", "keep_messages?", "keep_days?"],
    text: "a program has set how long a conversation keeps its messages; a field that is missing is as in the settings",
  },
  "operator.webhook_added": {
    level: "info",
    fields: ["key", "address", "webhook"],
    text: "a program has added a webhook",
  },
  "operator.webhook_changed": {
    level: "info",
    fields: ["key", "address", "webhook", "changed"],
    text: "a program has changed a webhook: `edited`, `paused`, `resumed`, `replayed` or `rotated`",
  },
  "operator.webhook_removed": {
    level: "info",
    fields: ["key", "address", "webhook"],
    text: "a program has removed a webhook",
  },
} as const satisfies EventDefinitions;
