import type { z } from "zod";
import {
  CLIENT_FRAMES,
  type ClientFrame,
  type ClientFrameOf,
  type ClientFrameType,
} from "./client-frames.ts";
import type { ErrorCode } from "./errors.ts";
import { isStreamHandle } from "./frames/stream-frames.ts";
import { isIdentifier, isMessageId } from "./identifiers.ts";
import { inexactNumbers, parseJson } from "./json.ts";
import { MAX_DATA_DEPTH, MAX_DATA_VALUES, MAX_JSON_DEPTH, MAX_JSON_VALUES } from "./limits.ts";
import { readPlainMessage } from "./plain-message.ts";

/** Why a text is not a frame. `id`, `conversation` and `stream` are those of the frame, where they could be read. */
export interface DecodeError {
  readonly code: Extract<ErrorCode, "malformed" | "unknown_type" | "invalid" | "too_large">;
  readonly message: string;
  readonly id?: string;
  readonly conversation?: string;
  readonly stream?: string;
}

export type DecodeResult =
  | { readonly frame: ClientFrame; readonly error?: undefined }
  | { readonly error: DecodeError; readonly frame?: undefined };

/**
 * Reads one text frame from a client.
 *
 * Fields the protocol does not know are ignored, so that a newer client can speak to an older server. The text's
 * length is bounded before (MAX_FRAME_BYTES); depth and count are bounded here, before it is used.
 */
export function decodeClientFrame(text: string): DecodeResult {
  const plain = readPlainMessage(text);
  if (plain !== undefined) return { frame: plain };
  const { value, error: refusal } = parseJson(text);
  if (refusal === "too_large") return decodeError("too_large", JSON_TOO_LARGE, { id: leadingId(text) });
  if (refusal !== undefined) return decodeError("malformed", "The frame is not JSON.");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return decodeError("malformed", "The frame is not a JSON object.");
  }
  return decodeFrameObject(value, text);
}

/** The `id` of a text that is not parsed, if it comes before the long part, as in most clients' frames. */
function leadingId(text: string): string | undefined {
  return /^\s*\{\s*(?:"[a-z]+"\s*:\s*"[^"\\]*"\s*,\s*){0,3}"id"\s*:\s*"([^"\\]{1,64})"/.exec(
    text.slice(0, 512),
  )?.[1];
}

/** The error for a text with too much structure. */
export const JSON_TOO_LARGE = `The JSON is deeper than ${MAX_JSON_DEPTH} levels or holds over ${MAX_JSON_VALUES} values.`;

/** Reads a frame from an object parsed from the JSON text `text`, whose depth and count MUST be bounded (json.ts). */
export function decodeFrameObject(value: object, text: string): DecodeResult {
  const type = (value as { type?: unknown }).type;
  if (typeof type !== "string") return decodeError("malformed", "The frame has no `type`.");
  if (!Object.hasOwn(CLIENT_FRAMES, type)) {
    const known = Object.keys(CLIENT_FRAMES).join(", ");
    return decodeError(
      "unknown_type",
      `There is no frame of type ${JSON.stringify(type.slice(0, 40))}; known: ${known}.`,
      value,
    );
  }
  const short = readShortMessage(value);
  if (short !== undefined) return { frame: short };
  const { data } = value as { data?: unknown };
  const refusal = data === undefined ? undefined : findDataError(data, text);
  if (refusal !== undefined) return decodeError(refusal.code, refusal.message, value);
  const parsed = CLIENT_FRAMES[type as ClientFrameType].safeParse(value);
  if (!parsed.success) return decodeError("invalid", explain(parsed.error.issues), value);
  const frame = parsed.data;
  // UTF-8 cannot encode it: connected members would get another text than later readers of the store.
  if ((frame.type === "message" || frame.type === "stream_append") && !frame.text.isWellFormed())
    return decodeError("invalid", "`text`: holds half of a surrogate pair, which is no character.", value);
  return { frame };
}

/**
 * Reads a message that has only a text, an id and perhaps a conversation, as nearly every frame does, in a tenth of the time of its schema, with the
 * same result. Returns undefined for any other frame; the schema reads those and finds their errors.
 */
function readShortMessage(value: object): ClientFrameOf<"message"> | undefined {
  const { type, text, id, data, conversation, reply_to, epoch } = value as Record<string, unknown>;
  if (type !== "message" || data !== undefined || reply_to !== undefined || epoch !== undefined)
    return undefined;
  if (typeof text !== "string" || text === "" || !text.isWellFormed()) return undefined;
  if (typeof id !== "string" || !isMessageId(id)) return undefined;
  if (conversation === undefined) return { type, text, id };
  return typeof conversation === "string" && isIdentifier(conversation)
    ? { type, conversation, text, id }
    : undefined;
}

/** Returns a sentence with the wrong field. */
function explain(issues: readonly z.core.$ZodIssue[]): string {
  const issue = issues[0];
  if (issue === undefined) return "The frame is not valid.";
  return `\`${issue.path.join(".") || "frame"}\`: ${issue.message}.`;
}

function decodeError(code: DecodeError["code"], message: string, value?: object): DecodeResult {
  const { id, conversation, stream } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    error: {
      code,
      message,
      ...(typeof id === "string" && isMessageId(id) && { id }),
      ...(typeof conversation === "string" && isIdentifier(conversation) && { conversation }),
      ...(typeof stream === "string" && isStreamHandle(stream) && { stream }),
    },
  };
}

/** An escape of half of a surrogate pair can only come from one of these. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * Checks a JSON value and returns its error. It uses a list instead of recursion, so that a deep value cannot overflow the
 * stack. `text` is the text from which the value was parsed.
 */
export function findDataError(
  root: unknown,
  text: string,
): Pick<DecodeError, "code" | "message"> | undefined {
  const tooLarge = {
    code: "too_large",
    message: `\`data\` is deeper than ${MAX_DATA_DEPTH} levels or holds over ${MAX_DATA_VALUES} values.`,
  } as const;
  const mayHaveHalves = SURROGATE_ESCAPE.test(text);
  let inexact: ReadonlySet<number> | undefined;
  let level: unknown[] = [root];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const value of level) {
      if (++values > MAX_DATA_VALUES) return tooLarge;
      if (typeof value === "number") {
        // JSON.parse reads 1e999 as Infinity, which would be written again as null.
        if (!Number.isFinite(value)) return invalidData("a number in it is too large.");
        // JavaScript rounds such a number silently (RFC 7493 §2.2); only the text has the original digits.
        if (!Number.isInteger(value) || Number.isSafeInteger(value)) continue;
        inexact ??= inexactNumbers(text);
        if (inexact.has(value)) {
          return invalidData(
            "a whole number in it is beyond 2^53 and would lose digits; send it as a string.",
          );
        }
        continue;
      }
      if (mayHaveHalves && typeof value === "string" && !value.isWellFormed())
        return invalidData(LONE_SURROGATE);
      if (typeof value !== "object" || value === null) continue;
      if (depth === MAX_DATA_DEPTH) return tooLarge;
      if (Array.isArray(value)) {
        for (const child of value) next.push(child);
        continue;
      }
      // The schema would drop it silently, and a client that merges it into an object could change the prototype of all objects.
      if (Object.hasOwn(value, "__proto__")) return invalidData("a field cannot be called `__proto__`.");
      // UTF-8 cannot write it, and strict parsers of other languages refuse the whole frame (RFC 7493 §2.1).
      for (const name of Object.keys(value)) {
        if (mayHaveHalves && !name.isWellFormed()) return invalidData(LONE_SURROGATE);
        next.push((value as Record<string, unknown>)[name]);
      }
    }
    level = next;
  }
  return undefined;
}

const LONE_SURROGATE = "a string or a name in it holds half of a surrogate pair, which is no character.";

function invalidData(reason: string): Pick<DecodeError, "code" | "message"> {
  return { code: "invalid", message: `\`data\`: ${reason}` };
}
