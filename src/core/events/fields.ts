// The fields that events have. A name means the same in every event, and its unit is part of the name or stands here.

/** What a field holds: a text, a number, a yes or no, or a list of texts. */
export type FieldType = "text" | "number" | "boolean" | "texts";

interface FieldDefinition {
  readonly type: FieldType;
  /** What it means, for docs/LOG.md. */
  readonly text: string;
}

export const FIELDS = {
  address: { type: "text", text: "the client's network address" },
  advice: { type: "text", text: "what to do, or what happens next" },
  api_key: { type: "text", text: "the name of the API key that a program has made or revoked" },
  banned: { type: "number", text: "messages of users who are banned from the conversation" },
  busy: { type: "number", text: "messages of senders for whom too many wait for approval" },
  cert_file: { type: "text", text: "the file that `TLS_CERT` names" },
  changed: { type: "texts", text: "what was changed: fields of an account, or what was done to a webhook" },
  close_code: {
    type: "number",
    text: "the code with which a socket closes, see [close codes](ERRORS.md#close-codes)",
  },
  code: { type: "text", text: "the code of an error, see [ERRORS.md](ERRORS.md)" },
  connection: { type: "text", text: "the id of a connection, as in its `welcome` frame" },
  connections: { type: "number", text: "connections that this server accepts at the same time" },
  conversation: { type: "text", text: "the id of a conversation" },
  conversations: { type: "texts", text: "the ids of conversations" },
  delivered: { type: "number", text: "frames with messages that were sent to clients" },
  disabled: { type: "boolean", text: "whether the account is disabled" },
  duplicate: { type: "number", text: "messages that were stored before, and were sent again" },
  erasure: { type: "text", text: "the id of the erasure of a person, as in its report" },
  error: { type: "text", text: "the text of an error that was caught, with its stack where there is one" },
  fallback: { type: "text", text: "the plan that counts in place of the unknown one" },
  fault: { type: "text", text: "the kind of a fault that was made on request" },
  file: { type: "text", text: "the path of a file" },
  forbidden: { type: "number", text: "messages of users who do not belong to the conversation" },
  from_schema: { type: "number", text: "the version of the store's tables before an update" },
  free_bytes: { type: "number", text: "free space where `DATA_DIR` lies, in bytes" },
  host: { type: "text", text: "the address that the server listens on, as in `HOST`" },
  id: { type: "text", text: "the id of an internal error; the client got the same one" },
  id_in_use: { type: "number", text: "messages whose `id` is that of a change or a stream" },
  invalid_fields: { type: "texts", text: "names of the fields that are wrong in a request" },
  keep_days: {
    type: "number",
    text: "for how many days a conversation keeps its messages; 0: without an end",
  },
  keep_messages: { type: "number", text: "how many messages a conversation keeps; 0: all" },
  key: { type: "text", text: "the name of an API key" },
  key_count: { type: "number", text: "keys in the key set" },
  key_file: { type: "text", text: "the file that `TLS_KEY` names" },
  keys: { type: "text", text: "keys in Redis, separated by commas" },
  known: { type: "boolean", text: "whether there is an account with the name that was given" },
  last_delivered: { type: "number", text: "the highest `seq` of a message that clients have got" },
  last_stored: { type: "number", text: "the highest `seq` of a message in the store" },
  lines: { type: "number", text: "lines of the log that were dropped" },
  max_connections: { type: "number", text: "the setting `MAX_CONNECTIONS`" },
  message_id: { type: "text", text: "the `id` that the sender gave a message" },
  messages: { type: "number", text: "a number of messages" },
  method: { type: "text", text: "the method of an HTTP request" },
  muted: { type: "number", text: "messages of users who are muted in the conversation" },
  node: { type: "text", text: "the id of a node, as in `parley nodes`" },
  not_after: { type: "text", text: "the time at which a certificate expires (RFC 3339)" },
  open_files: { type: "number", text: "files and sockets that the system lets this process open" },
  origin: {
    type: "text",
    text: "where an error came up: `uncaughtException`, `unhandledRejection` or `stop`",
  },
  outcome: {
    type: "text",
    text: "what became of a message: `stored`, `duplicate`, `rate_limited`, `muted`, `banned`, `forbidden`, `removed`, `id_in_use`, `rejected`, `busy`, `unavailable`, `unapproved`",
  },
  path: { type: "text", text: "the path of an HTTP request" },
  plan: { type: "text", text: "the name of a plan" },
  policy: { type: "text", text: "the setting `APPROVAL_FAIL`" },
  problems: { type: "texts", text: "what is wrong with the configuration, one text for each problem" },
  question: { type: "text", text: "the id of a question to `APPROVAL_URL`, its `webhook-id`" },
  question_type: {
    type: "text",
    text: "what was asked about: `message`, `edit`, `stream_start`, `stream_end`, `conversation` or `open`",
  },
  rate_limited: { type: "number", text: "messages over the hourly quota of a plan" },
  reason: { type: "text", text: "why it happened, in words" },
  refresh: { type: "boolean", text: "whether a refresh token was issued, too" },
  rejected: { type: "number", text: "messages that the operator's approval refused" },
  removed: { type: "number", text: "messages to conversations that are removed" },
  retry_after: { type: "number", text: "after how many seconds a retry is accepted, as on the wire" },
  rights: { type: "texts", text: "what an API key allows: `read`, `write`, `manage`" },
  rule: {
    type: "text",
    text: "which limit of sign-ins was reached: of the user and address, of the user, or of the address",
  },
  seconds: { type: "number", text: "how long something lasted, lasts or will last, in seconds" },
  seconds_left: { type: "number", text: "seconds until a start gives up" },
  seq: { type: "number", text: "the number of a message in its conversation" },
  signal: { type: "text", text: "the signal that the process got" },
  store: { type: "text", text: "which store it is, without its password" },
  stored: { type: "number", text: "messages that were stored" },
  task: {
    type: "text",
    text: "the name of a task that one node does for all nodes: `retention`, `erasing`, `webhooks`, `events`, `persons` or `unread`",
  },
  to_schema: { type: "number", text: "the version of the store's tables after an update" },
  token_id: { type: "text", text: "the id of a token, its claim `jti`" },
  unapproved: { type: "number", text: "messages about which the server at `APPROVAL_URL` gave no answer" },
  unavailable: { type: "number", text: "messages that could not be stored now" },
  url: { type: "text", text: "the origin of an address: that of the key set, or that of `APPROVAL_URL`" },
  user: { type: "text", text: "the name of a user" },
  users: { type: "texts", text: "the names of users" },
  webhook: { type: "text", text: "the id of a webhook" },
  webhook_event: { type: "text", text: "the id of an event, its `webhook-id`" },
  waiting: { type: "number", text: "requests that waited to be stored together, and failed together" },
} as const satisfies Readonly<Record<string, FieldDefinition>>;

export type FieldName = keyof typeof FIELDS;

interface ValueOfType {
  readonly text: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly texts: readonly string[];
}

/** The type of a field's value. */
export type FieldValue<F extends FieldName> = ValueOfType[(typeof FIELDS)[F]["type"]];
