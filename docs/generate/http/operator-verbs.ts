// The verbs of the operator's API in the documents of HTTP.
import type { Verb } from "./verb.ts";

const OPERATOR = "API key with `manage` for all conversations";
const WEBHOOK_KEY = "API key with `manage` and `read` for all conversations";
const CONVERSATION_KEY = "API key with `manage`";

const VERBS: readonly Verb[] = [
  {
    verb: "GET /conversations",
    name: "listConversations",
    who: "API key with `read`",
    about: "the conversations that the key allows",
  },
  {
    verb: "GET /conversations/:id/retention",
    name: "readRetention",
    who: CONVERSATION_KEY,
    about: "how long it keeps its messages, where that is not as in the settings",
  },
  {
    verb: "PUT /conversations/:id/retention",
    name: "putRetention",
    who: CONVERSATION_KEY,
    about: "sets how long it keeps its messages; 0 is without an end",
  },
  {
    verb: "DELETE /conversations/:id/retention",
    name: "removeRetention",
    who: CONVERSATION_KEY,
    about: "keeps its messages as in the settings again",
  },
  {
    verb: "GET /users",
    name: "listUsers",
    who: OPERATOR,
    about: "the accounts, by name",
  },
  {
    verb: "GET /users/:user",
    name: "readUser",
    who: OPERATOR,
    about: "an account, its quota, and its open connections",
  },
  {
    verb: "PUT /users/:user",
    name: "putUser",
    who: OPERATOR,
    about: "makes an account, or sets its plan and state",
    errors: ["conflict"],
  },
  {
    verb: "PATCH /users/:user",
    name: "patchUser",
    who: OPERATOR,
    about: "changes fields of an account; `password: null` takes it away",
  },
  {
    verb: "DELETE /users/:user",
    name: "removeUser",
    who: OPERATOR,
    about: "removes an account; its user is signed out and leaves all conversations",
  },
  {
    verb: "POST /users/:user/sign-out",
    name: "signOutUser",
    who: OPERATOR,
    about: "revokes all tokens that the user has got until now",
  },
  {
    verb: "GET /users/:user/export",
    name: "exportUser",
    who: OPERATOR,
    about: "all that is stored about a user",
  },
  {
    verb: "POST /users/:user/erase",
    name: "eraseUser",
    who: OPERATOR,
    about: "erases a person; 202 while that takes longer than 20 seconds",
  },
  {
    verb: "GET /erasures/:erasure",
    name: "readErasure",
    who: OPERATOR,
    about: "how far an erasure has come, or its report, which is kept for at least a day",
  },
  {
    verb: "GET /revocations",
    name: "listRevocations",
    who: OPERATOR,
    about: "the revocations that are kept",
  },
  {
    verb: "POST /revocations",
    name: "revoke",
    who: OPERATOR,
    about: "revokes all tokens of a user, or one token",
  },
  {
    verb: "GET /nodes",
    name: "listNodes",
    who: OPERATOR,
    about: "the servers that share the store",
  },
  {
    verb: "GET /statistics",
    name: "readStatistics",
    who: OPERATOR,
    about: "numbers of this server, of all servers, and of the store",
  },
  {
    verb: "GET /activity",
    name: "readActivity",
    who: OPERATOR,
    about: "what all servers do at the moment: rates, ack times, what is busiest, slow readers, the feed",
  },
  {
    verb: "GET /api-keys",
    name: "listApiKeys",
    who: OPERATOR,
    about: "the API keys, never a key itself",
  },
  {
    verb: "POST /api-keys",
    name: "makeApiKey",
    who: OPERATOR,
    about: "makes an API key, which is shown this once",
    errors: ["conflict"],
  },
  {
    verb: "DELETE /api-keys/:name",
    name: "revokeApiKey",
    who: OPERATOR,
    about: "revokes an API key",
    errors: ["conflict"],
  },
  {
    verb: "GET /webhooks",
    name: "listWebhooks",
    who: WEBHOOK_KEY,
    about: "the webhooks, by id",
  },
  {
    verb: "POST /webhooks",
    name: "addWebhook",
    who: WEBHOOK_KEY,
    about: "adds a webhook for the events from now on",
    errors: ["conflict"],
  },
  {
    verb: "GET /webhooks/:name",
    name: "readWebhook",
    who: WEBHOOK_KEY,
    about: "a webhook, and how far it has come",
  },
  {
    verb: "PATCH /webhooks/:name",
    name: "patchWebhook",
    who: WEBHOOK_KEY,
    about: "changes a webhook; `null` drops a filter",
  },
  {
    verb: "DELETE /webhooks/:name",
    name: "removeWebhook",
    who: WEBHOOK_KEY,
    about: "removes a webhook",
  },
  {
    verb: "POST /webhooks/:name/pause",
    name: "pauseWebhook",
    who: WEBHOOK_KEY,
    about: "sends nothing until it is resumed",
  },
  {
    verb: "POST /webhooks/:name/resume",
    name: "resumeWebhook",
    who: WEBHOOK_KEY,
    about: "sends again what has come since",
  },
  {
    verb: "POST /webhooks/:name/replay",
    name: "replayWebhook",
    who: WEBHOOK_KEY,
    about: "sends events again, after a position or since a time",
  },
  {
    verb: "POST /webhooks/:name/rotate",
    name: "rotateWebhookSecret",
    who: WEBHOOK_KEY,
    about: "gives it a new secret; the one before signs for `seconds`, too",
  },
];

export const OPERATOR_VERBS: readonly Verb[] = VERBS.map((verb) => ({ ...verb, credential: "key" }));
