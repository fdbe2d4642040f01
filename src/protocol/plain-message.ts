import type { ClientFrameOf } from "./client-frames.ts";
import { isIdentifier, isMessageId } from "./identifiers.ts";

/** How such a frame begins, and what stands between its values. */
const START = '{"type":"message",';
const CONVERSATION = '"conversation":"';
const ID = '"id":"';
const NEXT_ID = '","id":"';
const NEXT_TEXT = '","text":"';
const END = '"}';

/** How much of `NEXT_TEXT` ends the value before it: the quotation mark and the comma. */
const SEPARATOR_LENGTH = '",'.length;

const QUOTATION_MARK = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/**
 * Reads a message whose JSON is written as `JSON.stringify` writes it, with `type`, perhaps `conversation`, `id` and `text` in this
 * order, and no character that JSON escapes. Nearly every client sends such frames. To parse and encode each of them takes a
 * twentieth of the time of a message; here the text stays as it is. Returns undefined for any other frame, and for one with an error.
 */
export function readPlainMessage(text: string): ClientFrameOf<"message"> | undefined {
  if (!text.startsWith(START) || !text.endsWith(END)) return undefined;
  let idAt = START.length + ID.length;
  let conversation: string | undefined;
  if (!text.startsWith(ID, START.length)) {
    if (!text.startsWith(CONVERSATION, START.length)) return undefined;
    const nameAt = START.length + CONVERSATION.length;
    const nameEnd = text.indexOf('"', nameAt);
    if (!text.startsWith(NEXT_ID, nameEnd)) return undefined;
    conversation = text.slice(nameAt, nameEnd);
    if (!isIdentifier(conversation)) return undefined;
    idAt = nameEnd + NEXT_ID.length;
  }
  const idEnd = text.indexOf('"', idAt);
  if (!text.startsWith(NEXT_TEXT, idEnd)) return undefined;
  const from = idEnd + NEXT_TEXT.length;
  const to = text.length - END.length;
  if (from >= to || !isUnescaped(text, from, to)) return undefined;
  const id = text.slice(idAt, idEnd);
  if (id.includes("\\") || !isMessageId(id)) return undefined;
  const content = text.slice(from, to);
  if (!content.isWellFormed()) return undefined;
  const encodedText = text.slice(idEnd + SEPARATOR_LENGTH, to + 1);
  return conversation === undefined
    ? { type: "message", id, text: content, encodedText }
    : { type: "message", conversation, id, text: content, encodedText };
}

/** Whether JSON writes the characters from `from` to before `to` as they are (RFC 8259 §7). */
function isUnescaped(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    if (unit < FIRST_PRINTABLE || unit === QUOTATION_MARK || unit === BACKSLASH) return false;
  }
  return true;
}
