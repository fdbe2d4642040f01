// What takes the place of the name of an erased person (docs/decisions/0040-erase-a-person.md).
import { ERASED_SENDER } from "../../protocol/identifiers.ts";

/**
 * The sender of messages whose sender was erased. It is no name that a user can have (src/protocol/identifiers.ts), so nobody can
 * sign in as it, add it to a conversation or send messages in its name.
 */
export const ERASED_USER = ERASED_SENDER;

/** The `id` of such a message: with the sender it still names one message of its conversation only. */
export function idOfErased(seq: number): string {
  return String(seq);
}
