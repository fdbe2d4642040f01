// What the log of a conversation holds. An entry is encoded once, when its request is accepted. The engines store its body
// and return it as it is, and the frames of the wire are put together around it. No code parses or encodes the content again.

import type { StreamEnding } from "../../protocol/frames/stream-frames.ts";
import type { Message, Quota } from "../../protocol/server-frames.ts";
import type { OwnReactions } from "../changes/message-state.ts";

/**
 * The kinds of entries, each with the letter by which the engines store it. The name is the `type` of the frame that an entry
 * is sent as. A letter MUST NOT be used for another kind later.
 */
const KIND_LETTERS = { message: "m" } as const;

export type EntryKind = keyof typeof KIND_LETTERS;

const KINDS_BY_LETTER: ReadonlyMap<string, EntryKind> = new Map(
  Object.entries(KIND_LETTERS).map(([kind, letter]) => [letter, kind as EntryKind]),
);

/** One entry of a conversation's log. */
export interface Entry {
  readonly kind: EntryKind;
  readonly seq: number;
  readonly id: string;
  readonly from: string;
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number;
  /**
   * What the kind carries, as JSON members without the braces; of a message `"text":"hello","data":{"n":1}`. It holds no
   * character below U+0020, so it fits on one line.
   */
  readonly body: string;
}

/** The letter by which a kind is stored. */
export function letterOf(kind: EntryKind): string {
  return KIND_LETTERS[kind];
}

/** Makes one value for each kind, from its letter. */
export function forEachKind<T>(make: (letter: string) => T): Readonly<Record<EntryKind, T>> {
  const made = Object.entries(KIND_LETTERS).map(([kind, letter]) => [kind, make(letter)]);
  return Object.fromEntries(made) as Record<EntryKind, T>;
}

/** The kind that is stored by a letter. Throws where this version of Parley has no such kind. */
export function kindOf(letter: string): EntryKind {
  const kind = KINDS_BY_LETTER.get(letter);
  if (kind === undefined)
    throw new Error(
      `The store has an entry of the kind "${letter}", which a newer Parley wrote: update this one.`,
    );
  return kind;
}

/** The body of a message; `replyTo` is the `seq` of the message that it answers. */
export function encodeMessageBody(text: string, data?: Message["data"], replyTo?: number): string {
  // One encoded string and its slice take half the time of a string built from parts, which SQLite has to copy first.
  return JSON.stringify({ text, data, reply_to: replyTo }).slice(1, -1);
}

/** What the message of an ended stream carries. */
export interface StreamContent {
  readonly text: string;
  /** As JSON. */
  readonly data: string | undefined;
  readonly replyTo: number | undefined;
  readonly ending: StreamEnding;
  /** The stream was discarded or rejected: the message has no text and data. */
  readonly erased?: { readonly by: string; readonly at: number; readonly reason?: string };
}

/** The body of the message that a stream has become. The stream comes last: a room finds its end there. */
export function encodeStreamBody({ text, data, replyTo, ending, erased }: StreamContent): string {
  const content =
    erased === undefined
      ? `"text":${JSON.stringify(text)}${data === undefined ? "" : `,"data":${data}`}`
      : `"text":"","erased":${JSON.stringify(erased)}`;
  const answer = replyTo === undefined ? "" : `,"reply_to":${replyTo}`;
  return `${content}${answer},"stream":{"stream":"${ending.stream}","state":"${ending.state}"}`;
}

/** What encodeStreamBody ends with. The `data` of a message ends with one more brace. */
const ENDED_STREAM = /,"stream":\{"stream":"([A-Za-z0-9_-]{12})","state":"([a-z]+)"\}$/;

/** Returns the stream that a body has come from, and how it ended; undefined of any other message. */
export function endingOf(body: string): { readonly stream: string; readonly state: string } | undefined {
  // Most bodies do not end so, and each message passes here.
  if (!body.endsWith('"}')) return undefined;
  const [, stream, state] = ENDED_STREAM.exec(body) ?? [];
  return stream === undefined ? undefined : { stream, state: state! };
}

/** An entry as JSON, as it stands in a `history` frame. */
export function encodeEntry(entry: Entry): string {
  return encodeOwnEntry(entry);
}

/** An entry as the answer to one user, with its own reactions. */
export function encodeOwnEntry({ seq, id, from, body, at }: Entry, mine: readonly string[] = []): string {
  const own = mine.length === 0 ? "" : `,"mine":${JSON.stringify(mine)}`;
  return `${withoutBrace({ seq, id, from })},${body},"at":${at}${own}}`;
}

/** An entry as the frame that every connection in the conversation is sent. */
export function encodeFrame({ kind, seq, id, from, body, at }: Entry): string {
  const text = plainTextOf(body);
  if (text !== undefined) return JSON.stringify({ type: kind, seq, id, from, text, at });
  return `${withoutBrace({ type: kind, seq, id, from })},${body},"at":${at}}`;
}

/** How the body of a message begins. */
const TEXT_START = '"text":"';

/** Returns the text of a message that has no other content, if it holds nothing that JSON escapes; else undefined. */
function plainTextOf(body: string): string | undefined {
  if (!body.startsWith(TEXT_START) || body.indexOf('"', TEXT_START.length) !== body.length - 1)
    return undefined;
  return body.includes("\\") ? undefined : body.slice(TEXT_START.length, -1);
}

/** Encodes the members before the body in one call, which costs less than a string for each of them. */
function withoutBrace(members: object): string {
  return JSON.stringify(members).slice(0, -1);
}

/** What `history` returns, over the socket and over HTTP. */
export interface HistoryPage {
  readonly entries: readonly Entry[];
  readonly more: boolean;
  /** The reading user's own reactions to them; undefined where there are none. */
  readonly mine?: OwnReactions;
  readonly quota: Quota | null;
}

/** The members of a history page as JSON without the braces. */
export function encodeHistoryMembers({ entries, more, mine, quota }: HistoryPage): string {
  return `"messages":[${entries.map(encodeEntry).join(",")}],"more":${more}${encodeMine(mine)},"quota":${JSON.stringify(quota)}`;
}

/** The member `mine` with a comma before it; empty where there are no own reactions. */
function encodeMine(mine: OwnReactions | undefined): string {
  return mine === undefined || mine.size === 0 ? "" : `,"mine":${JSON.stringify(Object.fromEntries(mine))}`;
}

/** A `history` frame; `id` is that of the request, where it had one. */
export function encodeHistoryFrame(page: HistoryPage, id: string | undefined): string {
  const named = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
  return `{"type":"history",${encodeHistoryMembers(page)}${named}}`;
}

/** How `encodeFrame` begins the frame of a message. */
const MESSAGE_START = '{"type":"message",';

/**
 * Encoded `message` frames as the `history` frame that a connection is sent right after `welcome`; `mine` are the user's own
 * reactions to them.
 */
export function encodeRecentFrame(frames: readonly string[], more: boolean, mine?: OwnReactions): string {
  const messages = frames.map((frame) => `{${frame.slice(MESSAGE_START.length)}`);
  return `{"type":"history","messages":[${messages.join(",")}],"more":${more}${encodeMine(mine)}}`;
}
