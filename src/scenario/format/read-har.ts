// Reads the connections to a Parley server from a HAR file, written by Parley or exported from a browser.
import { parseJsonObject } from "../../protocol/json.ts";
import { beginRecording, entryOf, type RecorderEvent, withClient } from "./build-recording.ts";
import type { HarMessage, ParleyHarFields } from "./har.ts";
import {
  FILE_JSON_BOUNDS,
  MAX_CLIENTS,
  MAX_RECORDING_LENGTH,
  type ParseResult,
  parseRecording,
} from "./parse.ts";
import { CREDENTIAL_KINDS, type RecordedClient, type RecordingEntry } from "./recording.ts";

/** Parses a recording in either format. */
export function parseRecordingOrHar(text: string): ParseResult {
  const log = harLog(text);
  return log === undefined ? parseRecording(text) : parseHar(log);
}

/** Returns the log of a HAR file; undefined if `text` is not one. A line of a recording is also JSON, but has no `log`. */
function harLog(text: string): Record<string, unknown> | undefined {
  if (text.length > MAX_RECORDING_LENGTH || !/^\uFEFF?\s*\{/.test(text)) return undefined;
  const { log } = parseJsonObject(text.replace(/^\uFEFF/, ""), FILE_JSON_BOUNDS).value ?? {};
  return typeof log === "object" && log !== null ? (log as Record<string, unknown>) : undefined;
}

interface HarConnection {
  readonly client: Omit<RecordedClient, "name">;
  readonly server: string;
  readonly query: URLSearchParams;
  /** In milliseconds since 1970. */
  readonly begin: number;
  readonly end: number;
  readonly messages: readonly HarMessage[];
  readonly extra: Partial<ParleyHarFields>;
}

function parseHar(log: Record<string, unknown>): ParseResult {
  const entries: unknown[] = Array.isArray(log.entries) ? log.entries : [];
  const connections = entries.flatMap(connectionOf).sort((a, b) => a.begin - b.begin);
  const [first] = connections;
  if (first === undefined)
    return {
      problems: [
        {
          line: 1,
          message: "this HAR file has no WebSocket with messages at a URL /ws/{user}/{conversation}",
        },
      ],
    };
  const events: RecorderEvent[] = [];
  let recording = beginRecording(first.begin, first.server);
  /** By client: when its connection ended. */
  const endTimes = new Map<string, number>();
  for (const connection of connections) {
    const name = nameFor(connection, recording.clients, endTimes);
    if (!recording.clients.some((client) => client.name === name))
      recording = withClient(recording, { name, ...connection.client });
    if (recording.clients.length > MAX_CLIENTS)
      return { problems: [{ line: 1, message: `this HAR file has more than ${MAX_CLIENTS} clients` }] };
    endTimes.set(name, connection.end);
    events.push(...eventsOf(connection, name));
  }
  // The sort is stable: within a millisecond the order of the file stays.
  events.sort((a, b) => a.at - b.at);
  const recorded: RecordingEntry[] = events.map((event) => entryOf(event, first.begin));
  return { recording: { ...recording, entries: recorded } };
}

function connectionOf(value: unknown): HarConnection[] {
  const entry = value as {
    readonly _webSocketMessages?: unknown;
    readonly _parley?: unknown;
    readonly request?: { readonly url?: unknown };
    readonly startedDateTime?: unknown;
    readonly time?: unknown;
  } | null;
  const all = entry?._webSocketMessages;
  const url = parseUrl(entry?.request?.url);
  const path = url && /^(.*)\/ws\/([^/]+)\/([^/]+)$/.exec(url.pathname);
  if (!Array.isArray(all) || !url || !path) return [];
  const messages = all.filter(isMessage);
  const extra: Partial<ParleyHarFields> = typeof entry?._parley === "object" ? (entry._parley ?? {}) : {};
  const started = Date.parse(String(entry?.startedDateTime));
  const first = (messages[0]?.time ?? 0) * 1000;
  const begin =
    typeof extra.begin === "number" ? extra.begin * 1000 : Number.isNaN(started) ? first : started;
  const last = (messages.at(-1)?.time ?? 0) * 1000;
  return [
    {
      client: { user: decode(path[2]!), conversation: decode(path[3]!) },
      server: `${url.protocol.replace("ws", "http")}//${url.host}${path[1]}`,
      query: url.searchParams,
      begin,
      end: Math.max(last, begin + (typeof entry?.time === "number" ? entry.time : 0)),
      messages,
      extra,
    },
  ];
}

function eventsOf(connection: HarConnection, client: string): RecorderEvent[] {
  const { begin, end, messages, query, extra } = connection;
  const after = Number(query.get("after") ?? Number.NaN);
  const epoch = query.get("epoch");
  const token = CREDENTIAL_KINDS.find((kind) => kind === extra.token);
  const events: RecorderEvent[] = [
    {
      at: begin,
      client,
      type: "open",
      ...(Number.isSafeInteger(after) && { after }),
      ...(epoch !== null && { epoch }),
      ...(query.get("streams") === "1" && { streams: true }),
      ...(token !== undefined && { token }),
    },
  ];
  for (const { type, time, opcode, data } of messages)
    events.push({
      at: time * 1000,
      client,
      type: type === "send" ? "sent" : "received",
      data: opcode === 2 ? bytesOf(data) : data,
    });
  for (const { time, fault } of Array.isArray(extra.faults) ? extra.faults : [])
    if (typeof fault === "object" && fault !== null)
      events.push({ at: time * 1000, client, type: "fault", fault });
  return [...events, closeOf(connection, end, client)];
}

/** Returns the close of a connection. A browser's file has none: a `closing` frame names its code; without one the page closed the socket. */
function closeOf({ messages, extra }: HarConnection, end: number, client: string): RecorderEvent {
  const { close } = extra;
  if (close !== undefined && typeof close.code === "number")
    return {
      at: typeof close.time === "number" ? close.time * 1000 : end,
      client,
      type: "close",
      code: close.code,
      ...(typeof close.reason === "string" && { reason: close.reason }),
      byUs: close.by === undefined ? close.code === 1000 : close.by === "us",
    };
  const last = messages.findLast(({ type }) => type === "receive");
  const closingFrame = last && /^\{"type":"closing","code":(\d{4})/.exec(last.data);
  return { at: end, client, type: "close", code: Number(closingFrame?.[1] ?? 1000), byUs: !closingFrame };
}

/** Returns the client of a connection: the name in the file, or a client of the same user whose connection has ended. */
function nameFor(
  { client: identity, begin, extra }: HarConnection,
  clients: readonly RecordedClient[],
  busy: ReadonlyMap<string, number>,
): string {
  const isSame = (client: RecordedClient) =>
    client.user === identity.user && client.conversation === identity.conversation;
  const isFree = ({ name }: RecordedClient) => (busy.get(name) ?? 0) <= begin;
  const wanted =
    typeof extra.client === "string" && /^[^=\p{Cc}]{1,64}$/u.test(extra.client) ? extra.client : undefined;
  const known = clients.find(
    (client) => isSame(client) && isFree(client) && (wanted ?? client.name) === client.name,
  );
  if (known !== undefined) return known.name;
  const base = wanted ?? identity.user.slice(0, 60);
  let name = base;
  for (let number = 2; clients.some((client) => client.name === name); number++) name = `${base}-${number}`;
  return name;
}

function isMessage(value: unknown): value is HarMessage {
  const { type, time, opcode, data } = (value ?? {}) as Record<string, unknown>;
  const isKnown = (type === "send" || type === "receive") && (opcode === 1 || opcode === 2);
  return isKnown && typeof time === "number" && typeof data === "string";
}

function parseUrl(value: unknown): URL | undefined {
  try {
    return new URL(String(value));
  } catch {
    return undefined;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
