// Reads the lines to a Parley server out of a HAR file, be it this program's or one that a browser exported.
import { parseJsonObject } from "../protocol/json.ts";
import type { HarExtra, HarMessage } from "./har.ts";
import { FILE_BOUNDS, MAX_CLIENTS, MAX_RECORDING_LENGTH, type ReadResult, readRecording } from "./read.ts";
import { beginRecording, entryOf, type Happening, withClient } from "./record.ts";
import { CREDENTIALS, type Entry, type RecordedClient } from "./recording.ts";

/** Reads a recording in either format. */
export function readAnyRecording(text: string): ReadResult {
  const log = harLog(text);
  return log === undefined ? readRecording(text) : readHar(log);
}

/** The log of a HAR file; undefined where `text` is none. A line of a recording is JSON, too, but has no `log`. */
function harLog(text: string): Record<string, unknown> | undefined {
  if (text.length > MAX_RECORDING_LENGTH || !/^\uFEFF?\s*\{/.test(text)) return undefined;
  const { log } = parseJsonObject(text.replace(/^\uFEFF/, ""), FILE_BOUNDS).value ?? {};
  return typeof log === "object" && log !== null ? (log as Record<string, unknown>) : undefined;
}

interface Line {
  readonly place: Omit<RecordedClient, "name">;
  readonly server: string;
  readonly query: URLSearchParams;
  /** In milliseconds since 1970. */
  readonly begin: number;
  readonly end: number;
  readonly messages: readonly HarMessage[];
  readonly extra: Partial<HarExtra>;
}

function readHar(log: Record<string, unknown>): ReadResult {
  const entries: unknown[] = Array.isArray(log.entries) ? log.entries : [];
  const lines = entries.flatMap(lineOf).sort((a, b) => a.begin - b.begin);
  const [first] = lines;
  if (first === undefined)
    return {
      problems: [
        {
          line: 1,
          message: "this HAR file has no WebSocket with messages at an address /ws/{user}/{conversation}",
        },
      ],
    };
  const happenings: Happening[] = [];
  let recording = beginRecording(first.begin, first.server);
  /** By client, when its line ended. */
  const busy = new Map<string, number>();
  for (const line of lines) {
    const name = nameFor(line, recording.clients, busy);
    if (!recording.clients.some((client) => client.name === name))
      recording = withClient(recording, { name, ...line.place });
    if (recording.clients.length > MAX_CLIENTS)
      return { problems: [{ line: 1, message: `this HAR file has over ${MAX_CLIENTS} clients` }] };
    busy.set(name, line.end);
    happenings.push(...happeningsOf(line, name));
  }
  // The order within a millisecond is that of the file.
  happenings.sort((a, b) => a.at - b.at);
  const read: Entry[] = happenings.map((happening) => entryOf(happening, first.begin));
  return { recording: { ...recording, entries: read } };
}

function lineOf(value: unknown): Line[] {
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
  const extra: Partial<HarExtra> = typeof entry?._parley === "object" ? (entry._parley ?? {}) : {};
  const started = Date.parse(String(entry?.startedDateTime));
  const first = (messages[0]?.time ?? 0) * 1000;
  const begin =
    typeof extra.begin === "number" ? extra.begin * 1000 : Number.isNaN(started) ? first : started;
  const last = (messages.at(-1)?.time ?? 0) * 1000;
  return [
    {
      place: { user: decode(path[2]!), conversation: decode(path[3]!) },
      server: `${url.protocol.replace("ws", "http")}//${url.host}${path[1]}`,
      query: url.searchParams,
      begin,
      end: Math.max(last, begin + (typeof entry?.time === "number" ? entry.time : 0)),
      messages,
      extra,
    },
  ];
}

function happeningsOf(line: Line, client: string): Happening[] {
  const { begin, end, messages, query, extra } = line;
  const after = Number(query.get("after") ?? Number.NaN);
  const epoch = query.get("epoch");
  const token = CREDENTIALS.find((kind) => kind === extra.token);
  const happenings: Happening[] = [
    {
      at: begin,
      client,
      type: "open",
      ...(Number.isSafeInteger(after) && { after }),
      ...(epoch !== null && { epoch }),
      ...(token !== undefined && { token }),
    },
  ];
  for (const { type, time, opcode, data } of messages)
    happenings.push({
      at: time * 1000,
      client,
      type: type === "send" ? "sent" : "received",
      data: opcode === 2 ? bytesOf(data) : data,
    });
  for (const { time, fault } of Array.isArray(extra.faults) ? extra.faults : [])
    if (typeof fault === "object" && fault !== null)
      happenings.push({ at: time * 1000, client, type: "fault", fault });
  return [...happenings, closeOf(line, end, client)];
}

/** How a line ended. A browser's file does not say; a `closing` frame does, and else the page went. */
function closeOf({ messages, extra }: Line, end: number, client: string): Happening {
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
  const farewell = last && /^\{"type":"closing","code":(\d{4})/.exec(last.data);
  return { at: end, client, type: "close", code: Number(farewell?.[1] ?? 1000), byUs: !farewell };
}

/** The client that a line belongs to: the file's name for it, or the one of that user whose line is over. */
function nameFor(
  { place, begin, extra }: Line,
  clients: readonly RecordedClient[],
  busy: ReadonlyMap<string, number>,
): string {
  const isSame = (client: RecordedClient) =>
    client.user === place.user && client.conversation === place.conversation;
  const isFree = ({ name }: RecordedClient) => (busy.get(name) ?? 0) <= begin;
  const wanted =
    typeof extra.client === "string" && /^[^=\p{Cc}]{1,64}$/u.test(extra.client) ? extra.client : undefined;
  const known = clients.find(
    (client) => isSame(client) && isFree(client) && (wanted ?? client.name) === client.name,
  );
  if (known !== undefined) return known.name;
  const base = wanted ?? place.user.slice(0, 60);
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
