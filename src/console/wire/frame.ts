// The events of connections, as the page stores them.
import { type JsonBounds, parseJson, parseJsonObject } from "../../protocol/json.ts";
import { MAX_JSON_DEPTH } from "../../protocol/limits.ts";

/** The direction of a frame: to or from the server. `line`: an event of the connection itself; `fault`: a fault on it. */
export type Direction = "out" | "in" | "line" | "fault";

/** The type of the timeline entry for a rejected fault. */
export const REFUSED_FAULT = "refused";

/** The severity of an annotation. */
export type Severity = "fine" | "warning" | "error";

/** An annotation of a frame; `text` is for people. */
export interface Annotation {
  readonly kind: "gap" | "late" | "repeat" | "again" | "duplicate" | "epoch" | "lost" | "refused" | "close";
  readonly severity: Severity;
  readonly text: string;
}

/** The results of frame-analyzer.ts for a frame. */
export interface FrameAnnotations {
  /** The `seq` that the frame is about. */
  readonly seq?: number;
  /** From the request to this reply, in milliseconds. */
  readonly roundTrip?: number;
  readonly marks: readonly Annotation[];
}

/** One event of one client's connections. */
export interface WireEvent {
  /** The client's id on this page. */
  readonly client: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly at: number;
  readonly direction: Direction;
  /** The frame's `type`, or the event of the connection: `dial`, `open`, `close`, `wait`. */
  readonly type: string;
  /** Bytes of the frame without its header. */
  readonly bytes: number;
  /** The frame's text with tokens masked; for a binary frame its bytes in hexadecimal; otherwise a description. */
  readonly text: string;
  readonly binary?: boolean;
  /** Only for `close`; `byUs`: this side closed the connection. */
  readonly close?: { readonly code: number; readonly reason: string; readonly byUs?: boolean };
  /** The conversation that the frame is about, where it names one. */
  readonly conversation?: string;
  /** The number of the client's socket. A client may open separate sockets besides its connection. */
  readonly socketId?: number;
}

/** A wire event with its number and its annotations. */
export interface Frame extends WireEvent {
  /** Counts from 1 over all clients; stays the same when older frames are dropped. */
  readonly number: number;
  readonly annotations: FrameAnnotations;
}

/** Bounds of JSON that is formatted on this page: a text with 32,000 nested levels would need gigabytes with its line breaks. */
const JSON_DISPLAY_BOUNDS: JsonBounds = { depth: MAX_JSON_DEPTH, values: Number.POSITIVE_INFINITY };

/** Returns a frame's JSON object; undefined if the text is not one. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  return parseJsonObject(text, JSON_DISPLAY_BOUNDS).value;
}

/** Returns the conversation that a frame is about; undefined for a frame about the connection. */
export function conversationOf(text: string): string | undefined {
  const frame = readObject(text);
  if (frame === undefined) return undefined;
  const { conversation, item, conversations } = frame as Readonly<Record<string, unknown>>;
  const only = Array.isArray(conversations) && conversations.length === 1 ? conversations[0] : undefined;
  const named = [conversation, only, (item as { conversation?: unknown })?.conversation, only?.conversation];
  return named.find((name) => typeof name === "string");
}

/** Returns the type of a frame for the log. */
export function typeOf(text: string): string {
  const type = readObject(text)?.type;
  return typeof type === "string"
    ? type.slice(0, 40)
    : text.trimStart().startsWith("{")
      ? "no type"
      : "not JSON";
}

/** Returns the JSON of an entry with line breaks; any other text unchanged. */
export function prettyJson(text: string): string {
  const { value, error } = parseJson(text, JSON_DISPLAY_BOUNDS);
  return error === undefined ? JSON.stringify(value, null, 2) : text;
}

/** Matches a token: three parts of base64url. It must begin at a word boundary: without that, a long word would take minutes to search. */
const TOKEN_PATTERN = /(?<![\w-])[\w-]{4,}\.[\w-]{4,}\.[\w-]{4,}/g;

/**
 * Masks tokens in a sent text (A4): the field of a `token` frame; in text that is not a JSON object, and so was typed by
 * hand, everything that looks like a token.
 */
export function maskTokens(text: string): string {
  const value = readObject(text);
  if (value === undefined) return text.replace(TOKEN_PATTERN, "…");
  return value.type === "token" && "token" in value ? JSON.stringify({ ...value, token: "…" }) : text;
}
