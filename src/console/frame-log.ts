/** Where a frame went: to the server, from it, or nowhere (`line`: the connection opened or closed). */
export type Direction = "sent" | "received" | "line";

export interface LogEntry {
  /** Counts from 1, so that an entry keeps its name when older ones are dropped. */
  readonly number: number;
  readonly direction: Direction;
  readonly at: number;
  /** The frame's `type`, or what happened to the line. */
  readonly type: string;
  /** Bytes of UTF-8 on the wire. */
  readonly bytes: number;
  /** What was on the wire, shortened. */
  readonly text: string;
}

/** Entries kept; the oldest go first. */
export const MAX_LOG_ENTRIES = 500;

/** Characters kept of one frame: 500 frames of 64 KiB would be 32 MB for something nobody reads. */
export const MAX_LOG_TEXT = 16_384;

/** Adds what went over the line to the log. The client library tells no frame that holds a token (A4). */
export function addToLog(
  log: readonly LogEntry[],
  direction: Direction,
  text: string,
  at: number,
): readonly LogEntry[] {
  const entry: LogEntry = {
    number: (log[log.length - 1]?.number ?? 0) + 1,
    direction,
    at,
    type: direction === "line" ? text : typeOf(text),
    bytes: direction === "line" ? 0 : new TextEncoder().encode(text).length,
    text: text.length > MAX_LOG_TEXT ? `${text.slice(0, MAX_LOG_TEXT)} … (shortened)` : text,
  };
  return [...log.slice(1 - MAX_LOG_ENTRIES), entry];
}

/** An entry's JSON with line breaks; as it is where it is not JSON (or was shortened). */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function typeOf(text: string): string {
  try {
    const type = (JSON.parse(text) as { type?: unknown } | null)?.type;
    return typeof type === "string" ? type : "no type";
  } catch {
    return "not JSON";
  }
}
