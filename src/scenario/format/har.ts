// A recording as a HAR file, as Chrome writes WebSockets: an entry for each line, its messages in `_webSocketMessages`.
// What HAR has no place for (closes, faults, names of clients) stands in `_parley` of the entry.
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

/** One message of a line; `time` in seconds since 1970. */
export interface HarMessage {
  readonly type: "send" | "receive";
  readonly time: number;
  /** 1: text, 2: binary, as base64. */
  readonly opcode: 1 | 2;
  readonly data: string;
}

/** What this program adds to an entry; `time` as in a message. */
export interface ParleyHarFields {
  readonly client: string;
  /** When it was dialled; finer than `startedDateTime`. */
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

/** In seconds: what keeps the order of what happened within one millisecond. */
const MIN_STEP_S = 1e-6;

interface HarConnection {
  readonly open: OpenEntry;
  readonly user: string;
  readonly conversation: string;
  readonly entries: RecordingEntry[];
  close?: CloseEntry;
}

/** The recording as the text of a HAR file. `version` is the program's own. */
export function writeHar(recording: Recording, version: string): string {
  const times = timesOf(recording);
  const log = {
    version: "1.2",
    creator: { name: "parley", version },
    pages: [],
    entries: connectionsOf(recording).map((line) => harEntry(line, recording, times)),
  };
  return `${withoutTokens(JSON.stringify({ log }, null, 2))}\n`;
}

/** When everything happened, in seconds since 1970; each a little later than what stands before it. */
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
  const lines: HarConnection[] = [];
  const open = new Map<string, HarConnection>();
  const parts = new Map(clients.map((client) => [client.name, client]));
  for (const entry of entries) {
    if (entry.dir === "line" && entry.event === "open") {
      const { user = "", conversation = "" } = parts.get(entry.client) ?? {};
      const line: HarConnection = { open: entry, user, conversation, entries: [] };
      open.set(entry.client, line);
      lines.push(line);
      continue;
    }
    const line = open.get(entry.client);
    if (line === undefined) continue;
    if (entry.dir === "line") {
      line.close = entry;
      open.delete(entry.client);
    } else line.entries.push(entry);
  }
  return lines;
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

/** What was heard, without what keeps it from being read as a matcher. */
export function unescapeMatchers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isMatcher(value)) return "$eq" in value ? value.$eq : value;
  if (Array.isArray(value)) return value.map(unescapeMatchers);
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, unescapeMatchers(child)]));
}

/** `ws://…` of the server; a name that is no address stands as one that nobody has. */
function socketAddress(server: string): string {
  return /^https?:\/\//.test(server)
    ? server.replace(/^http/, "ws").replace(/\/+$/, "")
    : "ws://parley.invalid";
}
