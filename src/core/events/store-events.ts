import type { EventDefinitions } from "./definition.ts";

/** Events of the store, on Redis or embedded. */
export const STORE_EVENTS = {
  "store.unavailable": {
    level: "error",
    fields: ["store", "reason"],
    text: "Redis does not answer, refuses writes, or this node does not receive its own announcements; `reason` says why. Clients get `degraded`",
    urgent: true,
  },
  "store.messages_lost": {
    level: "warn",
    fields: ["conversation", "last_delivered", "last_stored", "advice"],
    text: "Redis has lost messages of a conversation. Clients get to know it when they come back. See [OPERATIONS.md](OPERATIONS.md#when-redis-loses-data)",
    urgent: true,
  },
  "store.misconfigured": {
    level: "error",
    fields: ["store", "problems"],
    text: "a Redis that took over is set up wrongly; `problems` says how. Correct it: a restart would be refused",
    urgent: true,
  },
  "store.write_failed": {
    level: "error",
    fields: ["error", "waiting?"],
    text: "something could not be stored; the sender got `unavailable`. The disk is full, or Redis is away or full",
    urgent: true,
  },
  "store.read_failed": {
    level: "error",
    fields: ["error"],
    text: "something could not be read; the client got `unavailable`",
    urgent: true,
  },
  "store.tail_lost": {
    level: "error",
    fields: ["messages", "advice"],
    text: "embedded: the end of the store is missing: after a power cut, with a write-ahead log that was cut short, or because an older copy was put back. A new epoch begins, and clients get to know it when they come back",
    urgent: true,
  },
  "store.replaced": {
    level: "warn",
    fields: ["advice"],
    text: "embedded: `parley.db` is not the store that ran in this folder last: a copy of an earlier epoch, or of another server, was put there. A new epoch begins. Disable and revoke again what you disabled and revoked since the copy",
    urgent: true,
  },
  "store.wrong_type": {
    level: "error",
    fields: ["keys", "error", "advice"],
    text: "`keys` under Parley's prefix hold another type than Parley keeps there (at most one line a minute). Requests that need them are refused as `unavailable`. Another program writes under the prefix: remove or restore the keys, and set `REDIS_PREFIX` to one that only Parley uses",
    urgent: true,
  },
  "store.disk_full": {
    level: "error",
    fields: ["free_bytes", "advice"],
    text: "embedded: less than 1 MiB is free where `DATA_DIR` lies. Clients get `degraded`. Make room; the server then goes on without a restart",
    urgent: true,
  },
  "store.files_missing": {
    level: "error",
    fields: ["file", "advice"],
    text: "embedded: a file of the store was deleted, moved or replaced under the running server. Nothing is stored any more: put it back, or stop the server, run `parley restore <folder> --replace` and start it",
    urgent: true,
  },
  "store.damaged": {
    level: "error",
    fields: ["reason", "advice"],
    text: "embedded: `parley.db` is damaged. Nothing is stored any more until the server is stopped and a copy restored",
    urgent: true,
  },
  "store.index_damaged": {
    level: "warn",
    fields: ["reason", "advice"],
    text: "embedded: the index is damaged or gone and is rebuilt from the log. Until then requests are refused as `unavailable`, for some seconds a million messages",
    urgent: true,
  },
  "store.unclean_shutdown": {
    level: "warn",
    fields: ["advice"],
    text: "embedded: the machine stopped while Parley ran, and the last moments may be missing. `STORE_SYNC=full` prevents it",
    urgent: true,
  },
  "store.index_failed": {
    level: "error",
    fields: ["error"],
    text: "embedded: the index could not be written; Parley tries again. If the line stays, memory fills up",
    urgent: true,
  },
  "store.rewrite_refused": {
    level: "warn",
    fields: ["error", "advice"],
    text: "Redis does not allow that Parley has its append-only file rewritten, so it holds the texts of erased messages until Redis rewrites it by its own settings",
    urgent: true,
  },
  "store.retention_failed": {
    level: "error",
    fields: ["error"],
    text: "messages that are no longer kept could not be removed; Parley tries again. If the line stays, memory or disk fills up",
    urgent: true,
  },
  "store.partly_unavailable": {
    level: "error",
    fields: ["store", "problems"],
    text: "some primaries of a Cluster refuse writes or do not reply: `problems` has each with its reason. Messages to their conversations and of their users are refused as `unavailable`, and `/readyz` is 503",
    urgent: true,
  },
  "store.all_writable": {
    level: "info",
    fields: ["store"],
    text: "all primaries of a Cluster take writes again",
  },
  "store.waiting": {
    level: "warn",
    fields: ["store", "reason", "seconds_left"],
    text: "a start waits for Redis",
  },
  "store.connected": {
    level: "info",
    fields: ["store"],
    text: "Redis takes writes, and this node receives its own announcements; also when Redis is back",
  },
  "store.not_persistent": {
    level: "warn",
    fields: ["store", "advice"],
    text: "Redis writes nothing to disk: a restart of it loses everything",
  },
  "store.snapshots_only": {
    level: "warn",
    fields: ["store", "advice"],
    text: "Redis writes snapshots, and no append-only file: a crash of it loses what was acked since the last snapshot; see [Redis](OPERATIONS.md#redis)",
  },
  "store.eviction_unknown": {
    level: "warn",
    fields: ["store", "advice"],
    text: "this ACL user may not ask for `maxmemory-policy`; make sure that it is `noeviction`",
  },
  "store.clock_behind": {
    level: "warn",
    fields: ["seconds", "advice"],
    text: "embedded: the machine's clock is behind the newest entry in the store by `seconds`; the store goes on with its own time",
  },
  "store.upgraded": {
    level: "warn",
    fields: ["from_schema", "to_schema", "file"],
    text: "embedded: a start found the tables of an older Parley and brought them to this version. `file` is the copy of the store from before, which the server deletes after 7 days; see [updating](OPERATIONS.md#updating)",
  },
  "store.upgrade_copy_deleted": {
    level: "info",
    fields: ["file"],
    text: "embedded: the copy that an update of the store had put aside is older than 7 days and was deleted",
  },
  "store.indexing": {
    level: "info",
    fields: ["messages"],
    text: "embedded: a start adds messages to the index that it lacks",
  },
  "store.write_recovered": {
    level: "info",
    fields: [],
    text: "embedded: the store can be written again",
  },
  "store.disk_recovered": {
    level: "info",
    fields: ["free_bytes?"],
    text: "embedded: the disk has room again",
  },
  "store.files_recovered": {
    level: "info",
    fields: [],
    text: "embedded: the files of the store are back",
  },
  "store.index_rebuilt": {
    level: "info",
    fields: ["messages", "seconds"],
    text: "embedded: the index is complete again",
  },
  "accounts.listener_failed": {
    level: "error",
    fields: ["user", "error"],
    text: "an internal error while a change of an account was announced; the change itself is stored. Please report it",
    urgent: true,
  },
  "control.listener_failed": {
    level: "error",
    fields: ["error"],
    text: "an internal error while a change from another node was announced; the change itself is stored. Please report it",
    urgent: true,
  },
  "engine.listener_failed": {
    level: "error",
    fields: ["error"],
    text: "an internal error while a message was announced; the message itself is stored. Please report it",
    urgent: true,
  },
  "revocations.listener_failed": {
    level: "error",
    fields: ["error"],
    text: "an internal error while a revocation was announced; the revocation itself is stored. Please report it",
    urgent: true,
  },
} as const satisfies EventDefinitions;
