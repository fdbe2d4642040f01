// What the clients of a run of streams have done and received. The texts say who wrote what: an append is one token
// `<id>/<connection>:<n>;`, so the checker can find each one in any text.
import type { ServerFrameOf } from "../../../src/protocol/server-frames.ts";

/** A connection of the writer was given the stream, which then had the append `n`. */
export interface StreamTurn {
  readonly connection: number;
  readonly n: number;
}

export interface WrittenStream {
  readonly conversation: string;
  readonly user: string;
  readonly id: string;
  readonly turns: readonly StreamTurn[];
  /** How many appends the whole text has, and the last that the server said to be stored. */
  readonly length: number;
  readonly stored: number;
  /** Undefined: its writer went away without an end, and never came back. */
  readonly ending: StreamEnd | undefined;
}

/** The answer to the end of a stream; `duplicate`: the message was there already when its writer came back. */
export interface StreamEnd {
  readonly state: "done" | "failed";
  readonly seq: number;
  readonly duplicate: boolean;
}

export type StreamReaderFrame = ServerFrameOf<"stream" | "stream_append" | "message">;

/** What one connection of a reader received, in its order. */
export interface StreamReaderRecord {
  readonly conversation: string;
  readonly name: string;
  /** Whether it asked for the frames of streams. */
  readonly readsStreams: boolean;
  readonly frames: readonly StreamReaderFrame[];
}

/** One append of a stream in a text. */
export interface Token {
  readonly id: string;
  readonly connection: number;
  readonly n: number;
}

export function encodeToken({ id, connection, n }: Token): string {
  return `${id}/${connection}:${n};`;
}

/** Returns the tokens of a text; undefined where it holds anything else. */
export function decodeTokens(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  let length = 0;
  for (const [token, id, connection, n] of text.matchAll(/([\w-]+)\/(\d+):(\d+);/g)) {
    tokens.push({ id: id!, connection: Number(connection), n: Number(n) });
    length += token.length;
  }
  return length === text.length ? tokens : undefined;
}
