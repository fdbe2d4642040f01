// Finds the reply to a frame that was sent by hand.

import { formatMs } from "../../format.ts";
import { type Frame, readObject } from "../../wire/frame.ts";

/** A sent text. */
export interface SentFrame {
  readonly client: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly text: string;
}

export interface SendOutcome {
  readonly severity: "fine" | "error";
  readonly text: string;
}

/** Types of frames that the server only answers if they are invalid. */
const UNANSWERED: ReadonlySet<unknown> = new Set([
  "typing",
  "read",
  "activity",
  "stream_append",
  "stream_cancel",
]);

const REPLY_OF_REQUEST: Readonly<Record<string, string>> = {
  message: "ack",
  history: "history",
  ping: "pong",
  token: "token_accepted",
  stream_start: "stream_started",
  stream_end: "ack",
};

/** Whether the server answers `text` if it is valid. */
export function isAnswered(text: string): boolean {
  return !UNANSWERED.has(readObject(text)?.type);
}

/**
 * Returns the outcome of a sent text if `frame` is its reply; otherwise undefined.
 *
 * If both have an `id`, it decides. A text without a readable `id` is matched with the next reply or error without an `id`,
 * because the server cannot identify it otherwise.
 */
export function outcomeOf(sent: SentFrame, frame: Frame): SendOutcome | undefined {
  if (frame.client !== sent.client || frame.at < sent.at) return undefined;
  if (frame.close !== undefined)
    return {
      severity: "error",
      text: `the connection was closed: ${frame.annotations.marks[0]?.text ?? frame.text}`,
    };
  if (frame.direction !== "in") return undefined;
  const [asked, answer] = [readObject(sent.text), readObject(frame.text)];
  if (answer === undefined) return undefined;
  const took = `after ${formatMs(frame.at - sent.at)}`;
  if (answer.type === "error") {
    if (!isSameName(asked?.id, answer.id)) return undefined;
    return { severity: "error", text: `${answer.code}: ${answer.message} (${took})` };
  }
  const expected = REPLY_OF_REQUEST[String(asked?.type)];
  if (expected === undefined || answer.type !== expected) return undefined;
  // The server generates an id for a message without one; its ack contains it.
  const isNamed = typeof asked?.id === "string";
  if (isNamed && expected !== "token_accepted" && answer.id !== asked?.id) return undefined;
  return { severity: "fine", text: `${describe(answer)} ${took}` };
}

/** Whether the ids match: the server repeats an id that it could read, and sends none otherwise. */
function isSameName(asked: unknown, answered: unknown): boolean {
  const isReadable = typeof asked === "string" && /^[\x20-\x7e]{1,64}$/.test(asked);
  return isReadable ? answered === asked : answered === undefined;
}

function describe(answer: Readonly<Record<string, unknown>>): string {
  switch (answer.type) {
    case "ack":
      return answer.duplicate === true ? `stored before, as #${answer.seq};` : `stored as #${answer.seq}`;
    case "history":
      return `${(answer.messages as unknown[]).length} messages`;
    default:
      return String(answer.type);
  }
}
