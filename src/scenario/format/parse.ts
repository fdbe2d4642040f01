// Parses a recording (JSON lines) strictly, so that a mistake in a handwritten file is reported with its line.
import { type JsonBounds, parseJson } from "../../protocol/json.ts";
import { invalidMatcher } from "./matchers.ts";
import {
  CREDENTIAL_KINDS,
  type CredentialKind,
  FORMAT_VERSION,
  type Frame,
  IGNORED_BY_DEFAULT,
  type Payload,
  type RecordedClient,
  type Recording,
  type RecordingEntry,
} from "./recording.ts";

/** A problem of a file; `line` counts from 1. */
export interface Problem {
  readonly line: number;
  readonly message: string;
}

export type ParseResult =
  | { readonly recording: Recording; readonly problems?: undefined }
  | { readonly problems: readonly Problem[]; readonly recording?: undefined };

/** Longest file that is read, in characters: some 500,000 frames, more than any test needs. */
export const MAX_RECORDING_LENGTH = 128 * 1024 * 1024;

/**
 * How deep the JSON of a file may nest: deeper values take minutes to serialize. Browsers' HAR files contain the nested
 * calls that led to each request, some 70 levels. The number of values is bounded by the length.
 */
export const FILE_JSON_BOUNDS: JsonBounds = { depth: 256, values: Number.POSITIVE_INFINITY };

/** Most clients of one file: each opens a socket. */
export const MAX_CLIENTS = 1000;

/** Most problems that are reported: a file in another format would have one in each line. */
const MAX_PROBLEMS = 20;

const HEADER_FIELDS = ["parley", "version", "at", "server", "clients", "ignore", "unexpected", "note"];

/** The fields of each kind of entry, besides `t`, `client`, `dir` and `note`. */
const ENTRY_FIELDS = {
  out: ["frame", "raw", "bytes"],
  in: ["frame", "raw", "bytes", "within"],
  open: ["event", "after", "epoch", "resume", "streams", "token"],
  close: ["event", "code", "reason", "by", "within"],
  fault: ["fault"],
} as const;

class FormatError extends Error {}

/** Parses a recording. Each problem names its line; empty lines are skipped. */
export function parseRecording(text: string): ParseResult {
  if (text.length > MAX_RECORDING_LENGTH)
    return { problems: [{ line: 1, message: `the file is longer than ${MAX_RECORDING_LENGTH} characters` }] };
  const problems: Problem[] = [];
  const note = (line: number, error: unknown) => {
    if (!(error instanceof FormatError)) throw error;
    problems.push({ line, message: error.message });
  };
  let header: Omit<Recording, "entries"> | undefined;
  const entries: RecordingEntry[] = [];
  let names: ReadonlySet<string> = new Set();
  for (const [index, row] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = index + 1;
    if (row.trim() === "") continue;
    try {
      const value = parseRow(row);
      if (header === undefined) {
        header = parseHeader(value);
        names = new Set(header.clients.map(({ name }) => name));
      } else entries.push(parseEntry(value, line, names));
    } catch (error) {
      note(line, error);
      // Without the header every further line would be reported.
      if (header === undefined) break;
      if (problems.length === MAX_PROBLEMS) break;
    }
  }
  if (header === undefined && problems.length === 0)
    problems.push({ line: 1, message: `the file is empty; its first line must be ${HEADER_EXAMPLE}` });
  if (problems.length > 0 || header === undefined) return { problems };
  return { recording: { ...header, entries } };
}

const HEADER_EXAMPLE =
  '{"parley":"scenario","version":1,"clients":[{"name":"ann","user":"user1","conversation":"lobby"}]}';

function parseRow(row: string): Record<string, unknown> {
  const { value, error } = parseJson(row, FILE_JSON_BOUNDS);
  if (error === "too_large") throw new FormatError(`nests deeper than ${FILE_JSON_BOUNDS.depth} levels`);
  if (error !== undefined) throw new FormatError("is not JSON; each line must be one JSON object");
  if (!isObject(value)) throw new FormatError("is not a JSON object");
  return value;
}

function parseHeader(value: Record<string, unknown>): Omit<Recording, "entries"> {
  const { parley: kind, version, at = 0, server = "" } = value;
  if (kind !== "recording" && kind !== "scenario")
    throw new FormatError(`is not the header of a recording; it must be like ${HEADER_EXAMPLE}`);
  if (version !== FORMAT_VERSION)
    throw new FormatError(`"version" is ${formatValue(version)}; this program reads ${FORMAT_VERSION}`);
  onlyFields(value, HEADER_FIELDS);
  if (typeof at !== "number") throw new FormatError('"at" must be a number of milliseconds since 1970');
  if (typeof server !== "string") throw new FormatError('"server" must be a string');
  const defaultUnexpected = kind === "recording" ? "fail" : "pass";
  const { ignore = IGNORED_BY_DEFAULT, unexpected = defaultUnexpected } = value;
  if (!Array.isArray(ignore) || !ignore.every((type) => typeof type === "string"))
    throw new FormatError('"ignore" must be a list of frame types, such as ["presence","typing"]');
  if (unexpected !== "fail" && unexpected !== "pass")
    throw new FormatError(`"unexpected" must be "fail" or "pass", not ${formatValue(unexpected)}`);
  return { kind, at, server, clients: parseClients(value.clients), ignore, unexpected };
}

function parseClients(value: unknown): RecordedClient[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CLIENTS)
    throw new FormatError(
      `"clients" must be a list of 1–${MAX_CLIENTS} clients, each {"name","user","conversation"}`,
    );
  const names = new Set<string>();
  return value.map((client: unknown, index) => {
    const path = `"clients"[${index}]`;
    if (!isObject(client)) throw new FormatError(`${path} must be an object`);
    onlyFields(client, ["name", "user", "conversation"], path);
    const { name, user, conversation } = client;
    if (typeof name !== "string" || !/^[^=\p{Cc}]{1,64}$/u.test(name))
      throw new FormatError(`${path}: "name" must be 1–64 characters without "="`);
    if (names.has(name)) throw new FormatError(`${path}: the name ${formatValue(name)} is used twice`);
    names.add(name);
    if (typeof user !== "string" || user === "")
      throw new FormatError(`${path}: "user" must be a non-empty string`);
    if (typeof conversation !== "string" || conversation === "")
      throw new FormatError(`${path}: "conversation" must be a non-empty string`);
    return { name, user, conversation };
  });
}

function parseEntry(
  value: Record<string, unknown>,
  line: number,
  names: ReadonlySet<string>,
): RecordingEntry {
  const { t, client, dir, note } = value;
  if (typeof client !== "string")
    throw new FormatError('"client" must be the name of a client in the header');
  if (!names.has(client))
    throw new FormatError(
      `the header has no client ${formatValue(client)}; its clients are ${[...names].join(", ")}`,
    );
  if (t !== undefined && !(typeof t === "number" && t >= 0))
    throw new FormatError(`"t" must be the milliseconds since the start, not ${formatValue(t)}`);
  if (note !== undefined && typeof note !== "string") throw new FormatError('"note" must be a string');
  const base = { ...(t !== undefined && { t }), client, line, ...(note !== undefined && { note }) };
  switch (dir) {
    case "out":
      onlyEntryFields(value, ENTRY_FIELDS.out);
      return { ...base, dir, ...parsePayload(value) };
    case "in": {
      onlyEntryFields(value, ENTRY_FIELDS.in);
      const payload = parsePayload(value);
      const problem = invalidMatcher(payload.frame);
      if (problem !== undefined) throw new FormatError(`in "frame", ${problem}`);
      return { ...base, dir, ...payload, ...parseWithin(value) };
    }
    case "line":
      return parseConnectionEvent(base, value);
    case "fault":
      onlyEntryFields(value, ENTRY_FIELDS.fault);
      if (!isObject(value.fault) || typeof value.fault.do !== "string")
        throw new FormatError('"fault" must be an object with "do", such as {"do":"cut"}');
      return { ...base, dir, fault: value.fault };
    default:
      throw new FormatError(`"dir" must be "out", "in", "line" or "fault", not ${formatValue(dir)}`);
  }
}

type Base = Pick<RecordingEntry, "client" | "line" | "t" | "note">;

function parseConnectionEvent(base: Base, value: Record<string, unknown>): RecordingEntry {
  const { event, after, epoch, resume, streams, token, code, reason, by } = value;
  if (event === "open") {
    onlyEntryFields(value, ENTRY_FIELDS.open);
    if (after !== undefined && !(Number.isSafeInteger(after) && (after as number) >= 0))
      throw new FormatError(
        '"after" must be a whole number, the seq of the last message that the client has',
      );
    if (epoch !== undefined && typeof epoch !== "string") throw new FormatError('"epoch" must be a string');
    if (resume !== undefined && typeof resume !== "boolean")
      throw new FormatError('"resume" must be true or false');
    if (streams !== undefined && typeof streams !== "boolean")
      throw new FormatError('"streams" must be true or false');
    if (resume === true && after !== undefined)
      throw new FormatError('"resume" takes "after" from the received messages; give only one of the two');
    if (token !== undefined && !CREDENTIAL_KINDS.includes(token as CredentialKind))
      throw new FormatError(
        `"token" must be one of ${CREDENTIAL_KINDS.join(", ")}; a file never contains a real token`,
      );
    return {
      ...base,
      dir: "line",
      event,
      ...(after !== undefined && { after: after as number }),
      ...(epoch !== undefined && { epoch }),
      ...(resume !== undefined && { resume }),
      ...(streams !== undefined && { streams }),
      ...(token !== undefined && { token: token as CredentialKind }),
    };
  }
  if (event !== "close")
    throw new FormatError(`"event" must be "open" or "close", not ${formatValue(event)}`);
  onlyEntryFields(value, ENTRY_FIELDS.close);
  if (!(Number.isInteger(code) && (code as number) >= 1000 && (code as number) <= 4999))
    throw new FormatError(`"code" must be a close code, 1000–4999, not ${formatValue(code)}`);
  if (reason !== undefined && typeof reason !== "string") throw new FormatError('"reason" must be a string');
  if (by !== undefined && by !== "us" && by !== "server")
    throw new FormatError(`"by" must be "us" or "server", not ${formatValue(by)}`);
  return {
    ...base,
    dir: "line",
    event,
    code: code as number,
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
    ...parseWithin(value),
  };
}

function parsePayload({ frame, raw, bytes }: Record<string, unknown>): Payload {
  if ([frame, raw, bytes].filter((one) => one !== undefined).length !== 1)
    throw new FormatError('exactly one of "frame", "raw" (text) and "bytes" (base64) is needed');
  if (raw !== undefined) {
    if (typeof raw !== "string") throw new FormatError('"raw" must be a string');
    return { raw };
  }
  if (bytes !== undefined) {
    if (typeof bytes !== "string" || !isBase64(bytes)) throw new FormatError('"bytes" must be base64');
    return { bytes };
  }
  if (!isObject(frame)) throw new FormatError('"frame" must be a JSON object; use "raw" for any other text');
  return { frame: frame as Frame };
}

function parseWithin({ within }: Record<string, unknown>): { within?: number } {
  if (within === undefined) return {};
  if (typeof within !== "number" || within <= 0 || within > 86_400)
    throw new FormatError(`"within" must be a number of seconds, up to 86400, not ${formatValue(within)}`);
  return { within };
}

function onlyEntryFields(value: Record<string, unknown>, fields: readonly string[]): void {
  onlyFields(value, ["t", "client", "dir", "note", ...fields]);
}

function onlyFields(value: object, fields: readonly string[], path?: string): void {
  const other = Object.keys(value).find((name) => !fields.includes(name));
  if (other === undefined) return;
  const prefix = path === undefined ? "" : `${path}: `;
  throw new FormatError(
    `${prefix}the field ${formatValue(other)} is not known here; the fields are ${fields.join(", ")}`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBase64(text: string): boolean {
  try {
    return btoa(atob(text)) === text;
  } catch {
    return false;
  }
}

function formatValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
