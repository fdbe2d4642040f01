// What several clients sent and heard, in the order in which it happened. The same file is a recording, to be looked
// at, and a scenario, to be run: what was sent is sent again, and what was heard is expected. JSON lines, UTF-8:
//
//   {"parley":"recording","version":1,"at":1795437965000,"server":"http://…","clients":[{"name":"ann",…}]}
//   {"t":0,"client":"ann","dir":"line","event":"open"}
//   {"t":12,"client":"ann","dir":"in","frame":{"type":"welcome",…}}
//   {"t":40,"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"hello"}}

/** The version of the format, in the first line. It grows when an older reader would misread a file. */
export const FORMAT_VERSION = 1;

/**
 * `recording`: frames are compared whole, but for what differs from run to run (field-rules.ts). `scenario`: only the
 * fields that stand in an expectation are compared, and they are meant as they stand there.
 */
export type RecordingKind = "recording" | "scenario";

/** Somebody who takes part: one line at a time, of one user in one conversation. */
export interface RecordedClient {
  /** How the file calls it: 1–64 characters, no `=`. */
  readonly name: string;
  readonly user: string;
  readonly conversation: string;
}

export interface Recording {
  readonly kind: RecordingKind;
  /** When it began, in milliseconds since 1970; 0 in files written by hand. */
  readonly at: number;
  /** Where it was made: an address or a name, for people. */
  readonly server: string;
  readonly clients: readonly RecordedClient[];
  /** Types of frames that are neither expected nor complained about. */
  readonly ignore: readonly string[];
  /** What a frame is that nothing expects: a difference (`fail`), or passed over (`pass`). */
  readonly unexpected: "fail" | "pass";
  readonly entries: readonly RecordingEntry[];
}

/** What one WebSocket message held. */
export type Payload =
  | { readonly frame: Frame; readonly raw?: undefined; readonly bytes?: undefined }
  /** Text that is no JSON object, or would be another text if it were written again. */
  | { readonly raw: string; readonly frame?: undefined; readonly bytes?: undefined }
  /** A binary message, in base64. */
  | { readonly bytes: string; readonly frame?: undefined; readonly raw?: undefined };

export type Frame = Readonly<Record<string, unknown>>;

interface EntryBase {
  /** Milliseconds since the beginning; where none is given, when the one before it was. */
  readonly t?: number;
  readonly client: string;
  /** Its line in the file, counted from 1; missing while it is being recorded. */
  readonly line?: number;
  /** For people who read the file or a report of its run. */
  readonly note?: string;
}

export type SentEntry = EntryBase & { readonly dir: "out" } & Payload;

/** `within`: seconds that it may take when it is expected, instead of the run's own. */
export type ReceivedEntry = EntryBase & { readonly dir: "in"; readonly within?: number } & Payload;

/** Which credential a line is opened with; `foreign` is another client's. */
export type CredentialKind = "own" | "none" | "wrong" | "expired" | "foreign";

export const CREDENTIAL_KINDS: readonly CredentialKind[] = ["own", "none", "wrong", "expired", "foreign"];

/** The client dials. `after` and `epoch` as in the address (D4); `resume` takes both from what it has heard. */
export interface OpenEntry extends EntryBase {
  readonly dir: "line";
  readonly event: "open";
  readonly after?: number;
  readonly epoch?: string;
  readonly resume?: boolean;
  readonly token?: CredentialKind;
}

/** The line ended. `by: "us"`: the client closed it; without `by`, that is so for the code 1000 only. */
export interface CloseEntry extends EntryBase {
  readonly dir: "line";
  readonly event: "close";
  readonly code: number;
  readonly reason?: string;
  readonly by?: "us" | "server";
  readonly within?: number;
}

/** A fault that was asked of the server for this client's line, as `POST /test/faults` takes it. */
export interface FaultEntry extends EntryBase {
  readonly dir: "fault";
  readonly fault: Frame;
}

export type RecordingEntry = SentEntry | ReceivedEntry | OpenEntry | CloseEntry | FaultEntry;

/** Presence and typing depend on who else is there, and on how fast people are. */
export const IGNORED_BY_DEFAULT: readonly string[] = ["presence", "typing"];

/** Whether the client ended its line itself; a server never closes with 1000. */
export function isClientClose(entry: CloseEntry): boolean {
  return entry.by === undefined ? entry.code === 1000 : entry.by === "us";
}

/** A frame's `type`, or what it is instead. */
export function typeOf(payload: Payload): string {
  if (payload.bytes !== undefined) return "binary";
  if (payload.raw !== undefined) return "raw text";
  return typeof payload.frame.type === "string" ? payload.frame.type : "no type";
}
