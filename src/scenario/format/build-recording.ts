// Builds a recording from the events of connections. Pure: times are arguments.
import { parseJsonObject } from "../../protocol/json.ts";
import { MAX_JSON_DEPTH } from "../../protocol/limits.ts";
import { escapeMatchers } from "./matchers.ts";
import {
  type CredentialKind,
  type Frame,
  IGNORED_BY_DEFAULT,
  type Payload,
  type RecordedClient,
  type Recording,
  type RecordingEntry,
} from "./recording.ts";
import { MASKED_TOKEN } from "./serialize.ts";

/** An event of a client's connection, at `at` milliseconds since 1970. */
export type RecorderEvent =
  | {
      readonly at: number;
      readonly client: string;
      readonly type: "sent";
      readonly data: string | Uint8Array;
    }
  | {
      readonly at: number;
      readonly client: string;
      readonly type: "received";
      readonly data: string | Uint8Array;
    }
  | {
      readonly at: number;
      readonly client: string;
      readonly type: "open";
      readonly after?: number;
      readonly epoch?: string;
      readonly streams?: boolean;
      readonly token?: CredentialKind;
    }
  | {
      readonly at: number;
      readonly client: string;
      readonly type: "close";
      readonly code: number;
      readonly reason?: string;
      readonly byUs: boolean;
    }
  | { readonly at: number; readonly client: string; readonly type: "fault"; readonly fault: Frame };

/** Returns an empty recording that starts at `at`. */
export function beginRecording(
  at: number,
  server: string,
  clients: readonly RecordedClient[] = [],
): Recording {
  const unexpected = "fail";
  return { kind: "recording", at, server, clients, ignore: IGNORED_BY_DEFAULT, unexpected, entries: [] };
}

/** Returns the recording with one more client. */
export function withClient(recording: Recording, client: RecordedClient): Recording {
  return { ...recording, clients: [...recording.clients, client] };
}

/** Returns an event as an entry of a recording that started at `startedAt`. */
export function entryOf(event: RecorderEvent, startedAt: number): RecordingEntry {
  const base = { t: Math.max(0, Math.round(event.at - startedAt)), client: event.client };
  switch (event.type) {
    case "sent":
      return { ...base, dir: "out", ...payloadOf(event.data, "verbatim") };
    case "received": {
      const payload = payloadOf(event.data, "by value");
      if (payload.frame === undefined) return { ...base, dir: "in", ...payload };
      return { ...base, dir: "in", frame: escapeMatchers(payload.frame) as Frame };
    }
    case "open": {
      const { after, epoch, streams = false, token = "own" } = event;
      return {
        ...base,
        dir: "line",
        event: "open",
        ...(after !== undefined && { after }),
        ...(epoch !== undefined && { epoch }),
        ...(streams && { streams }),
        ...(token !== "own" && { token }),
      };
    }
    case "close": {
      const { code, reason, byUs } = event;
      return {
        ...base,
        dir: "line",
        event: "close",
        code,
        ...(reason && { reason }),
        ...(byUs !== (code === 1000) && { by: byUs ? "us" : "server" }),
      };
    }
    case "fault":
      return { ...base, dir: "fault", fault: event.fault };
    default:
      return event satisfies never;
  }
}

/**
 * Returns the content of one WebSocket message, with tokens masked.
 *
 * `verbatim`: text that would change if it were serialized again stays text: blanks, 1e999 or a duplicate name are exactly
 * what a server is tested with.
 */
export function payloadOf(data: string | Uint8Array, as: "verbatim" | "by value"): Payload {
  if (typeof data !== "string") return { bytes: base64(data) };
  // A page of the history may contain any number of values.
  const { value } = parseJsonObject(data, { depth: MAX_JSON_DEPTH, values: Number.POSITIVE_INFINITY });
  if (value === undefined) return { raw: data };
  if (as === "verbatim" && JSON.stringify(value) !== data) return { raw: data };
  const frame = value as Frame;
  return { frame: frame.type === "token" && "token" in frame ? { ...frame, token: MASKED_TOKEN } : frame };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
