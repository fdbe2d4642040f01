// Writes a recording as a HAR file in Chrome's format for WebSockets: one entry per connection, its messages in
// `_webSocketMessages`. Facts that HAR has no fields for (closes, faults, client names) are in `_parley` of the entry.
import { isMatcher } from "./matchers.ts";
import type {
  CloseEntry,
  CredentialKind,
  Frame,
  OpenEntry,
  Payload,
  Recording,
  RecordingEntry,
} from "./recording.ts";
import { withoutTokens } from "./serialize.ts";

/** One message of a connection; `time` in seconds since 1970. */
export interface HarMessage {
  readonly type: "send" | "receive";
  readonly time: number;
  /** 1: text, 2: binary, as base64. */
  readonly opcode: 1 | 2;
  readonly data: string;
}

/** The fields that Parley adds to an entry; `time` as in a message. */
export interface ParleyHarFields {
  readonly client: string;
  /** When the connection was started; more precise than `startedDateTime`. */
  readonly begin?: number;
  readonly token?: CredentialKind;
  readonly faults?: readonly { readonly time: number; readonly fault: Frame }[];
  readonly close?: {
    readonly time: number;
    readonly code: number;
    readonly reason?: string;
    readonly by?: "us" | "server";
  };
}

/** Smallest time between two events, in seconds: keeps the order of events within one millisecond. */
const MIN_STEP_S = 1e-6;

interface HarConnection {
  readonly open: OpenEntry;
  readonly user: string;
  readonly conversation: string;
  readonly entries: RecordingEntry[];
  close?: CloseEntry;
}

/** Returns the recording as the text of a HAR file. `version` is Parley's version. */
export function writeHar(recording: Recording, version: string): string {
  const times = timesOf(recording);
  const log = {
    version: "1.2",
    creator: { name: "parley", version },
    pages: [],
    entries: connectionsOf(recording).map((connection) => harEntry(connection, recording, times)),
  };
  return `${withoutTokens(JSON.stringify({ log }, null, 2))}\n`;
}

/** Returns the time of each entry, in seconds since 1970; each a little later than the one before. */
function timesOf({ at, entries }: Recording): Map<RecordingEntry, number> {
  const times = new Map<RecordingEntry, number>();
  let [last, t] = [0, 0];
  for (const entry of entries) {
    t = entry.t ?? t;
    last = Math.max((at + t) / 1000, last + MIN_STEP_S);
    times.set(entry, last);
  }
  return times;
}

function connectionsOf({ clients, entries }: Recording): HarConnection[] {
  const connections: HarConnection[] = [];
  const open = new Map<string, HarConnection>();
  const parts = new Map(clients.map((client) => [client.name, client]));
  for (const entry of entries) {
    if (entry.dir === "line" && entry.event === "open") {
      const { user = "", conversation = "" } = parts.get(entry.client) ?? {};
      const connection: HarConnection = { open: entry, user, conversation, entries: [] };
      open.set(entry.client, connection);
      connections.push(connection);
      continue;
    }
    const connection = open.get(entry.client);
    if (connection === undefined) continue;
    if (entry.dir === "line") {
      connection.close = entry;
      open.delete(entry.client);
    } else connection.entries.push(entry);
  }
  return connections;
}

function harEntry(
  { open, user, conversation, entries, close }: HarConnection,
  { server }: Recording,
  times: ReadonlyMap<RecordingEntry, number>,
): object {
  const seconds = (entry: RecordingEntry) => times.get(entry)!;
  const begin = seconds(open);
  const length = Math.round((seconds(close ?? entries.at(-1) ?? open) - begin) * 1e6) / 1000;
  const query = [
    ...(open.after === undefined ? [] : [{ name: "after", value: `${open.after}` }]),
    ...(open.epoch === undefined ? [] : [{ name: "epoch", value: open.epoch }]),
    ...(open.streams ? [{ name: "streams", value: "1" }] : []),
  ];
  const search = query.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join("&");
  const path = `/ws/${encodeURIComponent(user)}/${encodeURIComponent(conversation)}`;
  const faults = entries.flatMap((entry) =>
    entry.dir === "fault" ? [{ time: seconds(entry), fault: entry.fault }] : [],
  );
  const extra: ParleyHarFields = {
    client: open.client,
    begin,
    ...(open.token !== undefined && { token: open.token }),
    ...(faults.length > 0 && { faults }),
    ...(close !== undefined && {
      close: {
        time: seconds(close),
        code: close.code,
        ...(close.reason !== undefined && { reason: close.reason }),
        ...(close.by !== undefined && { by: close.by }),
      },
    }),
  };
  return {
    _resourceType: "websocket",
    _webSocketMessages: entries.flatMap((entry) =>
      entry.dir === "out" || entry.dir === "in" ? [harMessage(entry, seconds(entry))] : [],
    ),
    _parley: extra,
    startedDateTime: new Date(begin * 1000).toISOString(),
    time: length,
    request: {
      method: "GET",
      url: `${socketAddress(server)}${path}${search && `?${search}`}`,
      httpVersion: "HTTP/1.1",
      headers: [{ name: "Upgrade", value: "websocket" }],
      queryString: query,
      cookies: [],
      headersSize: -1,
      bodySize: 0,
    },
    response: {
      status: 101,
      statusText: "Switching Protocols",
      httpVersion: "HTTP/1.1",
      headers: [],
      cookies: [],
      content: { size: 0, mimeType: "x-unknown" },
      redirectURL: "",
      headersSize: -1,
      bodySize: -1,
    },
    cache: {},
    timings: { send: 0, wait: 0, receive: length },
  };
}

function harMessage(
  entry: RecordingEntry & Payload & { readonly dir: "in" | "out" },
  time: number,
): HarMessage {
  const type = entry.dir === "out" ? "send" : "receive";
  if (entry.bytes !== undefined) return { type, time, opcode: 2, data: entry.bytes };
  const data = entry.raw ?? JSON.stringify(entry.dir === "in" ? unescapeMatchers(entry.frame) : entry.frame);
  return { type, time, opcode: 1, data };
}

/** Returns a received value without the `$eq` that keeps it from being read as a matcher. */
export function unescapeMatchers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isMatcher(value)) return "$eq" in value ? value.$eq : value;
  if (Array.isArray(value)) return value.map(unescapeMatchers);
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, unescapeMatchers(child)]));
}

/** Returns the server's `ws://…` URL; for a name that is not a URL, one that does not exist. */
function socketAddress(server: string): string {
  return /^https?:\/\//.test(server)
    ? server.replace(/^http/, "ws").replace(/\/+$/, "")
    : "ws://parley.invalid";
}
