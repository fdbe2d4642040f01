import { type Entry, encodeEntry, encodeMessageBody } from "../../src/core/conversation/entry.ts";
import type { PostRequest } from "../../src/core/ports/message-log.ts";
import type { Message } from "../../src/protocol/server-frames.ts";

/** What a test says of a message that it posts. */
export interface MessageFields extends Partial<Omit<PostRequest, "kind" | "body">> {
  readonly text?: string;
  readonly data?: Message["data"];
}

/** The content of a message as a request to the engine has it. */
export function messageContent(text: string, data?: Message["data"]): Pick<PostRequest, "kind" | "body"> {
  return { kind: "message", body: encodeMessageBody(text, data) };
}

/** The message that an entry is on the wire. */
export function decodeEntry(entry: Entry): Message {
  return JSON.parse(encodeEntry(entry));
}
