import { z } from "zod";

/** Users and conversations: 1–128 of `A-Z a-z 0-9 . _ : @ -`. */
export const Identifier = z
  .string()
  .regex(/^[A-Za-z0-9._:@-]{1,128}$/, "must be 1–128 characters of A-Z a-z 0-9 . _ : @ -");

const MESSAGE_ID = /^[\x20-\x7e]{1,64}$/;

/** A message's name, chosen by its sender: 1–64 printable ASCII characters. The retry of a message repeats it (D3). */
export const MessageId = z.string().regex(MESSAGE_ID, "must be 1–64 printable ASCII characters");

/** Says whether `text` can name a message. */
export function isMessageId(text: string): boolean {
  return MESSAGE_ID.test(text);
}

/** Says whether `text` can name a user or a conversation. */
export function isIdentifier(text: string): boolean {
  return Identifier.safeParse(text).success;
}
