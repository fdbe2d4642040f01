import { z } from "zod";
import { IDENTIFIER, IDENTIFIER_RULE } from "./frames/identifier-rule.ts";

export { IDENTIFIER_RULE, isIdentifier } from "./frames/identifier-rule.ts";

/** The name of a user or a conversation. */
export const Identifier = z
  .string(`must be ${IDENTIFIER_RULE}`)
  .regex(IDENTIFIER, `must be ${IDENTIFIER_RULE}`);

/** The `from` of messages whose sender was erased: no user can have this name. */
export const ERASED_SENDER = "~erased";

/** Who sent a message: a user, or `ERASED_SENDER`. */
export const SenderName = z.union([Identifier, z.literal(ERASED_SENDER)]);

/**
 * The prefix of conversations in which programs check a server, as `parley conformance` does. A client that may write to
 * such a conversation may remove it, so that a check leaves nothing behind.
 */
export const CHECK_PREFIX = "parley-check-";

const MESSAGE_ID = /^[\x20-\x7e]{1,64}$/;

const MESSAGE_ID_RULE = "must be 1–64 printable ASCII characters";

/** A message's name, chosen by its sender: 1–64 printable ASCII characters. The retry of a message repeats it (D3). */
export const MessageId = z.string(MESSAGE_ID_RULE).regex(MESSAGE_ID, MESSAGE_ID_RULE);

const CLIENT_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Returns whether `text` can name a client: the value of `client` in a socket's address, by which it replaces its older
 * one.
 */
export function isClientName(text: string): boolean {
  return CLIENT_NAME.test(text);
}

/** Returns whether `text` can name a message. */
export function isMessageId(text: string): boolean {
  return MESSAGE_ID.test(text);
}
