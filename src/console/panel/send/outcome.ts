// What became of something that was put on the wire by hand: which of the frames that come is its answer.

import { formatMs } from "../../format.ts";
import { type Frame, readObject } from "../../wire/frame.ts";

/** Something that was sent. */
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

/** Frames that the server does not answer unless they are wrong. */
const UNANSWERED: ReadonlySet<unknown> = new Set(["typing", "read", "activity"]);

const REPLY_OF_REQUEST: Readonly<Record<string, string>> = {
  message: "ack",
  history: "history",
  ping: "pong",
  token: "token_accepted",
};

/** Says whether the protocol answers `text` when it is right. */
export function isAnswered(text: string): boolean {
  return !UNANSWERED.has(readObject(text)?.type);
}

/**
 * What `frame` says about what was sent before it; undefined when it says nothing about it.
 *
 * An `id` decides where both have one. A frame without a name that can be read is answered by the next answer, or error, without one
 * of its own, as the server has no better way to say it.
 */
export function outcomeOf(sent: SentFrame, frame: Frame): SendOutcome | undefined {
  if (frame.client !== sent.client || frame.at < sent.at) return undefined;
  if (frame.close !== undefined)
    return {
      severity: "error",
      text: `the line was closed: ${frame.annotations.marks[0]?.text ?? frame.text}`,
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
  // A message without a name is given one, which its ack has.
  const isNamed = typeof asked?.id === "string";
  if (isNamed && expected !== "token_accepted" && answer.id !== asked?.id) return undefined;
  return { severity: "fine", text: `${describe(answer)} ${took}` };
}

/** The server repeats a name that it could read, and has none to repeat where there was none. */
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
