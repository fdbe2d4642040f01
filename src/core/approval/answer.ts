// What an answer of the operator's server means (AP1, AP3).
import { decodeFrameObject } from "../../protocol/decode.ts";
import { toReason } from "../../protocol/frames/texts.ts";
import { parseJsonObject } from "../../protocol/json.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { ConversationPatch } from "../../protocol/member-requests.ts";
import { readBody } from "../../protocol/request-body.ts";
import type { Rejected, Unavailable } from "../ports/message-log.ts";
import type { Asked, AskedMessage } from "./question.ts";

/** A content that takes the place of what was asked about; of a conversation `text` is its title. */
export interface Replaced {
  readonly text: string;
  readonly data?: unknown;
}

export type Answer =
  | { readonly action: "accept" }
  | { readonly action: "reject"; readonly reason?: string }
  | { readonly action: "replace"; readonly content: Replaced };

/** What becomes of what was asked about. `unavailable`: no answer, and APPROVAL_FAIL is `closed`. */
export type Verdict = Answer | { readonly action: "unavailable" };

/** Returns what a sender is answered where the verdict lets nothing through. */
export function refusalOf(
  verdict: Extract<Verdict, { readonly action: "reject" | "unavailable" }>,
): Rejected | Unavailable {
  if (verdict.action === "unavailable") return { outcome: "unavailable", because: "approval" };
  const { reason } = verdict;
  return { outcome: "rejected", ...(reason !== undefined && { reason }) };
}

/** APPROVAL_FAIL: what happens without an answer. */
export type FailPolicy = "open" | "closed";

/** Returns what becomes of what was asked about where no answer came. */
export function verdictWithoutAnswer(policy: FailPolicy): Verdict {
  return { action: policy === "open" ? "accept" : "unavailable" };
}

/** Reads the body of an answer. A text that is no answer to this question counts as a failure: undefined. */
export function readAnswer(text: string, asked: Asked): Answer | undefined {
  const { value, error } = parseJsonObject(text);
  if (error !== undefined) return undefined;
  switch (value.action) {
    case "accept":
      return { action: "accept" };
    case "reject":
      return readRejection(value.reason);
    case "replace": {
      const content =
        asked.message === undefined
          ? readFacts(value, text, asked)
          : readReplacement(value, text, { asked, message: asked.message });
      return content && { action: "replace", content };
    }
    default:
      return undefined;
  }
}

function readRejection(reason: unknown): Answer | undefined {
  if (reason === undefined || reason === null) return { action: "reject" };
  if (typeof reason !== "string") return undefined;
  // A refusal must not become a failure because its reason is long, or has what is not shown.
  const shown = toReason(reason);
  return shown === "" ? { action: "reject" } : { action: "reject", reason: shown };
}

/**
 * As of an edit, what is not named stays, and null drops `data`. A text has no null: who sends it wants to take the text away, so it
 * must not let the text of the sender through. The bounds are those of a client's message.
 */
function readReplacement(
  { text, data }: Readonly<Record<string, unknown>>,
  json: string,
  { asked, message }: { readonly asked: Asked; readonly message: AskedMessage },
): Replaced | undefined {
  if (text === null || (text === undefined && data === undefined)) return undefined;
  const next = data === undefined ? message.data : (data ?? undefined);
  const replaced = {
    text: text === undefined ? message.text : text,
    ...(next !== undefined && { data: next }),
  };
  // A stream has no text when it starts, and its answer has none.
  const probe = asked.type === "stream_start" ? { ...replaced, text: "x" } : replaced;
  const { frame } = decodeFrameObject({ type: "message", ...probe }, json);
  if (frame?.type !== "message") return undefined;
  const own = asked.type === "stream_start" ? "" : frame.text;
  const content = { text: own, ...(frame.data !== undefined && { data: frame.data }) };
  // A stream may be longer than a message, and keep its text.
  const bytes = bytesOf(content);
  return bytes > MAX_FRAME_BYTES && bytes > bytesOf(message) ? undefined : content;
}

/** As of a message. The bounds are those of a request that changes a conversation. The opening of one has nothing to replace. */
function readFacts(
  { text, data }: Readonly<Record<string, unknown>>,
  json: string,
  asked: Asked,
): Replaced | undefined {
  if (asked.type !== "conversation" || text === null || (text === undefined && data === undefined))
    return undefined;
  const facts = {
    title: text === undefined ? (asked.title ?? "") : text,
    data: data === undefined ? asked.data : data,
  };
  const read = readBody(ConversationPatch, facts, json);
  if (!("body" in read)) return undefined;
  return { text: read.body.title ?? "", ...(read.body.data && { data: read.body.data }) };
}

function bytesOf({ text, data }: Replaced): number {
  return Buffer.byteLength(JSON.stringify({ text, data }));
}
