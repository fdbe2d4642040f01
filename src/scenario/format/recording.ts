// The frames that several clients sent and received, in order. The same file can be viewed as a recording and run as a
// scenario: sent frames are sent again, and received frames are expected. JSON lines, UTF-8:
//
//   {"parley":"recording","version":1,"at":1795437965000,"server":"http://…","clients":[{"name":"ann",…}]}
//   {"t":0,"client":"ann","dir":"line","event":"open"}
//   {"t":12,"client":"ann","dir":"in","frame":{"type":"welcome",…}}
//   {"t":40,"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hello"}}

/** The version of the format, in the first line. It increases when an older reader would misread a file. */
export const FORMAT_VERSION = 1;

/**
 * `recording`: whole frames are compared, except for fields that differ in each run (field-rules.ts). `scenario`: only the
 * fields of an expectation are compared, with exactly their values.
 */
export type RecordingKind = "recording" | "scenario";

/** A client of the recording: one connection at a time, of one user in one conversation. */
export interface RecordedClient {
  /** The client's name in the file: 1–64 characters, no `=`. */
  readonly name: string;
  readonly user: string;
  readonly conversation: string;
}

export interface Recording {
  readonly kind: RecordingKind;
  /** The start, in milliseconds since 1970; 0 in files written by hand. */
  readonly at: number;
  /** The server's URL or name, for people. */
  readonly server: string;
  readonly clients: readonly RecordedClient[];
  /** Types of frames that are neither expected nor reported. */
  readonly ignore: readonly string[];
  /** Whether an unexpected frame is a difference (`fail`) or ignored (`pass`). */
  readonly unexpected: "fail" | "pass";
  readonly entries: readonly RecordingEntry[];
}

/** The content of one WebSocket message. */
export type Payload =
  | { readonly frame: Frame; readonly raw?: undefined; readonly bytes?: undefined }
  /** Text that is not a JSON object, or that would change if it were serialized again. */
  | { readonly raw: string; readonly frame?: undefined; readonly bytes?: undefined }
  /** A binary message, in base64. */
  | { readonly bytes: string; readonly frame?: undefined; readonly raw?: undefined };

export type Frame = Readonly<Record<string, unknown>>;

interface EntryBase {
  /** Milliseconds since the start; default: the time of the entry before. */
  readonly t?: number;
  readonly client: string;
  /** The entry's line in the file, counted from 1; missing while it is being recorded. */
  readonly line?: number;
  /** A comment for readers of the file or of a report. */
  readonly note?: string;
}

export type SentEntry = EntryBase & { readonly dir: "out" } & Payload;

/** `within`: how long a run waits for the frame, in seconds, instead of the run's own time-out. */
export type ReceivedEntry = EntryBase & { readonly dir: "in"; readonly within?: number } & Payload;

/** The credential with which a connection is opened; `foreign` is another client's. */
export type CredentialKind = "own" | "none" | "wrong" | "expired" | "foreign";

export const CREDENTIAL_KINDS: readonly CredentialKind[] = ["own", "none", "wrong", "expired", "foreign"];

/**
 * The client connects. `after` and `epoch` as in the URL (D4); `resume` takes both from the received messages; `streams`: it reads
 * messages while they are written.
 */
export interface OpenEntry extends EntryBase {
  readonly dir: "line";
  readonly event: "open";
  readonly after?: number;
  readonly epoch?: string;
  readonly resume?: boolean;
  readonly streams?: boolean;
  readonly token?: CredentialKind;
}

/** The connection ended. `by: "us"`: the client closed it; without `by`, that is assumed for the code 1000 only. */
export interface CloseEntry extends EntryBase {
  readonly dir: "line";
  readonly event: "close";
  readonly code: number;
  readonly reason?: string;
  readonly by?: "us" | "server";
  readonly within?: number;
}

/** A fault that was requested for this client's connection, in the format of `POST /test/faults`. */
export interface FaultEntry extends EntryBase {
  readonly dir: "fault";
  readonly fault: Frame;
}

export type RecordingEntry = SentEntry | ReceivedEntry | OpenEntry | CloseEntry | FaultEntry;

/** Presence and typing depend on other users, and on how fast people are. */
export const IGNORED_BY_DEFAULT: readonly string[] = [
  "presence",
  "presence_count",
  "typing",
  "stream",
  "stream_append",
  "stream_stored",
];

/** Whether the client closed its connection; a server never closes with 1000. */
export function isClientClose(entry: CloseEntry): boolean {
  return entry.by === undefined ? entry.code === 1000 : entry.by === "us";
}

/** Returns a frame's `type`, or the kind of content without one. */
export function typeOf(payload: Payload): string {
  if (payload.bytes !== undefined) return "binary";
  if (payload.raw !== undefined) return "raw text";
  return typeof payload.frame.type === "string" ? payload.frame.type : "no type";
}
