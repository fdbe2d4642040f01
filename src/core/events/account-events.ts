import type { EventDefinitions } from "./definition.ts";

/** Events of sign-ins, accounts, tokens and conversations. */
export const ACCOUNT_EVENTS = {
  "signin.succeeded": {
    level: "info",
    fields: ["user", "address", "plan", "refresh?"],
    text: "a user signed in",
    thinned: true,
  },
  "signin.failed": {
    level: "warn",
    fields: ["user?", "address", "known"],
    text: "wrong user or password. `user` is there for accounts only: another name may be a password in the wrong field",
    thinned: true,
  },
  "signin.refused": {
    level: "warn",
    fields: ["user", "address", "code"],
    text: "the account is disabled, or it is a demo account on a public address",
    thinned: true,
  },
  "signin.throttled": {
    level: "warn",
    fields: ["user?", "address", "rule", "retry_after"],
    text: "too many tries to sign in; many lines in a row mean that a program guesses passwords",
    thinned: true,
  },
  "signin.busy": {
    level: "warn",
    fields: ["user?", "address", "known"],
    text: "more sign-ins at once than can be checked: `PASSWORD_QUEUE`",
    thinned: true,
  },
  signout: {
    level: "info",
    fields: ["user", "address"],
    text: "a user signed out",
    thinned: true,
  },
  "refresh.succeeded": {
    level: "info",
    fields: ["user", "address", "plan"],
    text: "a refresh token was exchanged for a new token",
    thinned: true,
  },
  "refresh.failed": {
    level: "warn",
    fields: ["address"],
    text: "a refresh token is not valid",
    thinned: true,
  },
  "refresh.refused": {
    level: "warn",
    fields: ["user", "address", "code"],
    text: "the account is disabled, or it is a demo account on a public address",
    thinned: true,
  },
  "refresh.throttled": {
    level: "warn",
    fields: ["user?", "address", "retry_after"],
    text: "a refresh token was used too often, or by several programs at once",
    thinned: true,
  },
  "refresh.reused": {
    level: "warn",
    fields: ["user", "address"],
    text: "a refresh token was used twice: it was copied, perhaps stolen. The session is ended",
    urgent: true,
    thinned: true,
  },
  "plan.unknown": {
    level: "warn",
    fields: ["user", "plan", "fallback"],
    text: "a token or an account names a `plan` that is not in PLANS; the plan in `fallback` counts",
    thinned: true,
  },
  "account.changed": {
    level: "info",
    fields: ["user", "plan", "disabled"],
    text: "an account was added or changed, by `parley user` or another server; `plan` and `disabled` are the values after it",
  },
  "account.removed": {
    level: "info",
    fields: ["user"],
    text: "an account was removed, by `parley user` or another server",
  },
  "person.erasing": {
    level: "info",
    fields: ["erasure", "key?", "address?"],
    text: "the erasure of a person was asked for, by `parley user erase`, or with a `key` over HTTP. Neither this event nor the next one names the person",
  },
  "person.exported": {
    level: "info",
    fields: ["user", "key", "address"],
    text: "what is stored about a user was read over HTTP, with an API key",
  },
  "person.erased": {
    level: "info",
    fields: ["erasure"],
    text: "a person was erased: the store does not name it any more",
  },
  "demo_accounts.created": {
    level: "info",
    fields: ["users"],
    text: "an empty store got the demo accounts",
  },
  "demo_conversations.created": {
    level: "info",
    fields: ["conversations"],
    text: "a new store got conversations of the demo accounts to look at (DEMO_CONVERSATIONS)",
  },
  "password.rehashed": {
    level: "info",
    fields: ["user"],
    text: "at the sign-in a hash of an older cost was replaced",
    thinned: true,
  },
  "password.rehash_failed": {
    level: "error",
    fields: ["user", "error"],
    text: "at the sign-in a hash of an older cost could not be replaced",
    thinned: true,
  },
  "revocation.user": {
    level: "info",
    fields: ["user"],
    text: "the tokens that a user has got until now are refused (`parley revoke`, a new password)",
    thinned: true,
  },
  "revocation.token": {
    level: "info",
    fields: ["token_id"],
    text: "one token is refused (its user signed out)",
    thinned: true,
  },
  "api_key.added": {
    level: "info",
    fields: ["key", "rights"],
    text: "an API key is accepted from now on: `parley api-key add`, or `POST /api-keys` of any server",
  },
  "api_key.revoked": {
    level: "info",
    fields: ["key"],
    text: "an API key is refused from now on, and the streams that it wrote are ended",
  },
  "conversation.removed": {
    level: "info",
    fields: ["conversation", "user?", "key?", "address?"],
    text: "`parley conversation` has removed it; with a `user` or a `key`: it was removed over HTTP, by an owner, an operator's program, or a check such as `parley conformance`",
  },
  "conversation.changed": {
    level: "info",
    fields: ["conversation", "user?", "key?", "address?"],
    text: "`parley conversation` has changed its limits, facts or members; with a `user` or a `key`: its facts or members were changed over HTTP",
    thinned: true,
  },
} as const satisfies EventDefinitions;
