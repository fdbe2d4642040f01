import type { EventDefinitions } from "./definition.ts";

/** Events of the process, its configuration and its place among the nodes. */
export const SERVER_EVENTS = {
  "process.uncaught_error": {
    level: "error",
    fields: ["id", "origin", "error"],
    text: "an internal error that no other part caught. Please report it",
    urgent: true,
  },
  "demo_accounts.public": {
    level: "warn",
    fields: ["host", "advice"],
    text: "every client that reaches this address can sign in with the published password: set `DEMO_ACCOUNTS=false`",
    urgent: true,
  },
  "test.faults_enabled": {
    level: "warn",
    fields: ["host", "advice"],
    text: "clients may disturb their own connections, which is for tests only: take `TEST_FAULTS` away",
    urgent: true,
  },
  "secret_key.exposed": {
    level: "warn",
    fields: ["advice"],
    text: "other users of the machine can read the key; the line has the command that ends it",
    urgent: true,
  },
  "secret_key.changed": {
    level: "warn",
    fields: ["advice"],
    text: "the server that started before on this store had another `SECRET_KEY`: each refuses the tokens of the other",
    urgent: true,
  },
  "key_set.unavailable": {
    level: "warn",
    fields: ["url", "reason"],
    text: "the key set at `TOKEN_KEY_SET` cannot be read, or is none. See [TOKENS.md](TOKENS.md)",
    urgent: true,
  },
  "key_set.recovered": {
    level: "info",
    fields: ["key_count"],
    text: "the key set can be read again",
  },
  "log.lines_dropped": {
    level: "error",
    fields: ["lines"],
    text: "the program that reads the log was too slow, or the disk was full: `lines` are missing here. The server goes on meanwhile and keeps up to 1 MiB of lines waiting",
    urgent: true,
  },
  "tls.refused": {
    level: "error",
    fields: ["cert_file", "key_file", "reason"],
    text: "the files of `TLS_CERT` and `TLS_KEY` have changed and cannot be used. The certificate before stays in use; correct the files",
    urgent: true,
  },
  "tls.expired": {
    level: "error",
    fields: ["cert_file", "not_after", "advice"],
    text: "at a start and once a day: the certificate in use has expired, and clients refuse it. Replace the files of `TLS_CERT` and `TLS_KEY`; no restart is needed",
    urgent: true,
  },
  "tls.expiring": {
    level: "warn",
    fields: ["cert_file", "not_after", "advice"],
    text: "at a start and once a day: the certificate in use expires within 21 days, or a third of its time is left. Renewing it seems to have failed; no restart is needed",
  },
  "tls.renewed": {
    level: "info",
    fields: ["cert_file", "not_after"],
    text: "the certificate was replaced and the new one is in use",
  },
  "clock.stepped": {
    level: "warn",
    fields: ["seconds", "advice"],
    text: "the machine's clock was set forward by `seconds` (a negative number: back), or the machine slept. Tokens follow the clock at once; no connection is closed without the warning. See [0007](decisions/0007-time.md)",
    thinned: true,
  },
  "limit.open_files": {
    level: "warn",
    fields: ["open_files", "max_connections", "connections"],
    text: "the system allows this process fewer open files than `MAX_CONNECTIONS` needs; `connections` are accepted. Raise it (`ulimit -n`, `LimitNOFILE=`)",
    thinned: true,
  },
  "limit.open_files_reached": {
    level: "error",
    fields: ["open_files", "reason?"],
    text: "the process has nearly as many open files as `open_files`, the system's limit. It stops to listen, so new connections are refused; open sockets go on. A flood of connections without a request, or a limit that is too low (`LimitNOFILE=`). With `reason` it could not listen again, and tries once more",
    thinned: true,
  },
  "limit.open_files_free": {
    level: "info",
    fields: ["open_files"],
    text: "file descriptors are free again, and the server listens again",
    thinned: true,
  },
  "server.stopping": {
    level: "info",
    fields: ["signal?", "reason?"],
    text: "the server drains because of a signal, or for another `reason`. See [signals](OPERATIONS.md#signals)",
  },
  "server.hangup": {
    level: "info",
    fields: ["advice"],
    text: "SIGHUP came and stopped nothing; the certificate is read again",
  },
  "node.expired": {
    level: "warn",
    fields: ["node"],
    text: "a node's lease ran out, and this node has removed its users from presence; its process died or was cut off",
  },
  "node.lease_lost": {
    level: "warn",
    fields: ["node", "advice"],
    text: "this node could not renew its lease: it was stopped, or cut off from Redis, for longer than `NODE_LEASE`",
  },
  "node.sweep_failed": {
    level: "warn",
    fields: ["error"],
    text: "cleaning up after another node failed; Parley tries again",
  },
  "leases.sync_failed": {
    level: "warn",
    fields: ["error"],
    text: "counts of connections could not be written; Parley tries again",
  },
  "task.failed": {
    level: "warn",
    fields: ["task", "error"],
    text: "work that one node does for all nodes failed; Parley tries again within a minute. If the line stays, the work is not done: for `retention`, messages that are no longer kept stay in the store; for `erasing`, texts that users erased stay in the memory of Redis; for `webhooks`, no events are sent; for `events`, events that are no longer kept stay in Redis; for `persons`, erasures of persons wait; for `unread`, there are no new events `message.unread`",
  },
  "messages.processed": {
    level: "info",
    fields: [
      "stored?",
      "duplicate?",
      "rate_limited?",
      "muted?",
      "banned?",
      "forbidden?",
      "removed?",
      "id_in_use?",
      "rejected?",
      "busy?",
      "unavailable?",
      "unapproved?",
      "delivered",
    ],
    text: "how many messages this server processed and delivered in the last ten seconds",
  },
  "message.processed": {
    level: "debug",
    fields: ["user", "conversation", "message_id", "outcome", "seq?"],
    text: "one message",
  },
} as const satisfies EventDefinitions;
