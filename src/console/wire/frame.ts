// What goes over the wire, as the page keeps it.
import { type JsonBounds, parseJson, parseJsonObject } from "../../protocol/json.ts";
import { MAX_JSON_DEPTH } from "../../protocol/limits.ts";

/** Where a frame went: to the server, from it, or nowhere: `line` is the connection itself, `fault` what was done to it. */
export type Direction = "out" | "in" | "line" | "fault";

/** The type of what stands in the timeline after a fault that was asked for and not made. */
export const REFUSED_FAULT = "refused";

/** How much a mark on a frame matters. */
export type Severity = "fine" | "warning" | "error";

/** Something about a frame that is worth a look; `text` says it in words. */
export interface Annotation {
  readonly kind: "gap" | "late" | "repeat" | "again" | "duplicate" | "epoch" | "lost" | "refused" | "close";
  readonly severity: Severity;
  readonly text: string;
}

/** What frame-analyzer.ts found out about a frame. */
export interface FrameAnnotations {
  /** The number in the conversation that the frame speaks of. */
  readonly seq?: number;
  /** From the request to this answer, in milliseconds. */
  readonly roundTrip?: number;
  readonly marks: readonly Annotation[];
}

/** One event on the wire of one client, as it was seen. */
export interface WireEvent {
  /** The client's id on this page. */
  readonly client: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly at: number;
  readonly direction: Direction;
  /** The frame's `type`, or what happened to the line: `dial`, `open`, `close`, `wait`. */
  readonly type: string;
  /** Bytes on the wire, without the frame's header. */
  readonly bytes: number;
  /** The frame's text as it was, tokens masked; of a binary one its bytes in hexadecimal; of the line what happened. */
  readonly text: string;
  readonly binary?: boolean;
  /** Of `close`; `byUs`: this side ended it. */
  readonly close?: { readonly code: number; readonly reason: string; readonly byUs?: boolean };
  /** Which line of the client it was: when that was dialled. A client may knock beside its own line. */
  readonly socketId?: number;
}

/** What has been seen, with its place among all that was, and what was found out about it. */
export interface Frame extends WireEvent {
  /** Counts from 1 over all clients, so that a frame keeps its name when older ones go. */
  readonly number: number;
  readonly annotations: FrameAnnotations;
}

/** What is read and written again on this page: a text that nests 32,000 deep would have gigabytes with its line breaks. */
const JSON_DISPLAY_BOUNDS: JsonBounds = { depth: MAX_JSON_DEPTH, values: Number.POSITIVE_INFINITY };

/** A frame's JSON object; undefined where it is none. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  return parseJsonObject(text, JSON_DISPLAY_BOUNDS).value;
}

/** What stands in a log for a frame's type. */
export function typeOf(text: string): string {
  const type = readObject(text)?.type;
  return typeof type === "string"
    ? type.slice(0, 40)
    : text.trimStart().startsWith("{")
      ? "no type"
      : "not JSON";
}

/** An entry's JSON with line breaks; as it is where it is not JSON. */
export function prettyJson(text: string): string {
  const { value, error: fault } = parseJson(text, JSON_DISPLAY_BOUNDS);
  return fault === undefined ? JSON.stringify(value, null, 2) : text;
}

/** A token as it is written: three parts of base64url. It begins where a word does: tried at every sign, a long word would take minutes. */
const TOKEN_PATTERN = /(?<![\w-])[\w-]{4,}\.[\w-]{4,}\.[\w-]{4,}/g;

/**
 * What may be kept of a text that was sent: no token (A4). A `token` frame is masked by its field; what is no JSON object, and so was
 * typed by hand, by what a token looks like.
 */
export function maskTokens(text: string): string {
  const value = readObject(text);
  if (value === undefined) return text.replace(TOKEN_PATTERN, "…");
  return value.type === "token" && "token" in value ? JSON.stringify({ ...value, token: "…" }) : text;
}
