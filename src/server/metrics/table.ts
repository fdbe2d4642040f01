// The one table of metrics: docs/OPERATIONS.md and the registry are made of it. Labels come from closed sets: there are as many
// series with 100,000 conversations as with ten (OP1).
import type { PostResult } from "../../core/ports/message-log.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { ERRORS } from "../../protocol/errors.ts";

export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** What it counts, in one line. */
  readonly help: string;
  readonly labels?: readonly string[];
  /**
   * Values of the only label of a counter whose series are there from the start, at 0. A series that appears with its first event
   * already has 1 when it is read first, and no `rate()` sees that event.
   */
  readonly values?: readonly string[];
  /** Upper bounds of a histogram, in the unit that its name ends with. */
  readonly buckets?: readonly number[];
}

/** From 0.5 ms to 10 s: an ack takes 1 ms on a quiet machine, and clients time out after seconds. */
const LATENCY_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Up to the longest frame. */
const FRAME_BYTES = [64, 256, 1024, 4096, 16_384, 65_536];

/** What messages are counted by. `unapproved`: `unavailable`, because the server at APPROVAL_URL gave no answer. */
export type MessageOutcome = PostResult["outcome"] | "unapproved";

const MESSAGE_OUTCOMES: readonly MessageOutcome[] = [
  ...(["stored", "duplicate", "id_in_use", "rate_limited", "muted", "banned", "forbidden"] as const),
  ...(["rejected", "busy", "removed", "unavailable", "unapproved"] as const),
];

/** What became of a question to the server at APPROVAL_URL. */
const APPROVAL_RESULTS = ["accepted", "rejected", "replaced", "failed", "skipped"] as const;

export type ApprovalResult = (typeof APPROVAL_RESULTS)[number];

export const METRICS = {
  parley_build_info: { type: "gauge", help: "1, with the version as label", labels: ["version", "engine"] },
  parley_store_up: { type: "gauge", help: "1 while the store can be written, else 0" },
  parley_connections: {
    type: "gauge",
    help: "open sockets by phase: `opening` until the `welcome`, then `live`",
    labels: ["phase"],
  },
  parley_conversations_open: { type: "gauge", help: "conversations that are open on a socket of this node" },
  parley_connections_opened: { type: "counter", help: "sockets that got their `welcome`" },
  parley_connections_closed: {
    type: "counter",
    help: "sockets that ended, by close code; `other` for codes that the protocol does not name",
    labels: ["code"],
    values: [...Object.keys(CLOSE_CODES), "other"],
  },
  parley_handshakes_refused: {
    type: "counter",
    help: "sockets that were refused before the upgrade, by error code",
    labels: ["code"],
    values: ["too_many_handshakes", "unavailable", "origin_refused"],
  },
  parley_messages: {
    type: "counter",
    help: "messages by what became of them: `stored`, `duplicate`, `rate_limited`, `muted`, …; `unavailable`: the store gave no answer, `unapproved`: the server at APPROVAL_URL gave none",
    labels: ["outcome"],
    values: MESSAGE_OUTCOMES,
  },
  parley_messages_delivered: { type: "counter", help: "message frames that were sent to clients" },
  parley_requests_refused: {
    type: "counter",
    help: "frames and HTTP requests that were refused, by error code",
    labels: ["code"],
    values: Object.keys(ERRORS),
  },
  parley_quota_refusals: {
    type: "counter",
    help: "requests over the plan, by plan; `other` for plans of tokens that the settings do not have",
    labels: ["plan"],
  },
  parley_resumes: {
    type: "counter",
    help: "clients that came back with a position: `resumed`, `gap` (some messages were not kept) or `lost` (another epoch)",
    labels: ["result"],
    values: ["resumed", "gap", "lost"],
  },
  parley_streams_open: { type: "gauge", help: "streams whose writer is connected to this node" },
  parley_streams_ended: {
    type: "counter",
    help: "streams that ended and had a reader on this node, by state",
    labels: ["state"],
    values: ["done", "failed", "cancelled", "interrupted", "rejected"],
  },
  parley_certificate_left_seconds: {
    type: "gauge",
    help: "how long the certificate of `TLS_CERT` is still valid, negative when it has expired; not there without `TLS_CERT`",
  },
  parley_certificate_lifetime_seconds: {
    type: "gauge",
    help: "from when until when that certificate is valid, in all; not there without `TLS_CERT`",
  },
  parley_unsent_bytes: { type: "gauge", help: "bytes that wait to be sent, over all sockets" },
  parley_slow_readers: { type: "gauge", help: "sockets for which more than 64 KiB wait" },
  parley_approval_requests: {
    type: "counter",
    help: "what was to be approved, by result: `accepted`, `rejected`, `replaced`; `failed`: the server at APPROVAL_URL did not answer in time, or not as it must; `skipped`: it was not asked, because it had failed five times in a row. APPROVAL_FAIL decides about the last two",
    labels: ["result"],
    values: APPROVAL_RESULTS,
  },
  parley_webhook_attempts: {
    type: "counter",
    help: "requests to webhooks by result: `delivered`, `failed`",
    labels: ["result"],
    values: ["delivered", "failed"],
  },
  parley_webhooks: {
    type: "gauge",
    help: "webhooks by state: `active`, `failing` (active, and the newest attempt failed), `paused`, `ended`; every node reports all of them",
    labels: ["state"],
  },
  parley_webhook_retry_age_seconds: {
    type: "gauge",
    help: "how long ago the event was tried first, or again after a `resume`, that its receiver has not accepted since, of the webhook that has waited longest; 0 where none waits for a retry; those that an operator has paused do not count; every node reports it",
  },
  parley_feed_lag_seconds: {
    type: "gauge",
    help: "the age of the oldest event that a reader of the feed has not handled, of the one that is furthest behind: `webhooks`, `paused_webhooks`, and `unread` (beyond UNREAD_AFTER); every node reports all of them",
    labels: ["reader"],
  },
  parley_ack_seconds: {
    type: "histogram",
    help: "from the arrival of a message to its `ack`",
    buckets: LATENCY_S,
  },
  parley_delivery_seconds: {
    type: "histogram",
    help: "from the time at which a message was stored to its delivery to the clients of this node",
    buckets: LATENCY_S,
  },
  parley_store_batch_seconds: {
    type: "histogram",
    help: "one batch of requests in the store",
    buckets: LATENCY_S,
  },
  parley_event_loop_delay_seconds: {
    type: "histogram",
    help: "how much later than planned a timer of 50 ms runs",
    buckets: LATENCY_S,
  },
  parley_frame_bytes: { type: "histogram", help: "frames of clients", buckets: FRAME_BYTES },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;

type NamesOf<T extends MetricDefinition["type"]> = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[MetricName];

export type CounterName = NamesOf<"counter">;
export type GaugeName = NamesOf<"gauge">;
export type HistogramName = NamesOf<"histogram">;
