import { ERASED_USER, idOfErased } from "../../../core/person/erased-user.ts";

/**
 * What a row of the log has in the place of a sender that was erased; its `id` is empty. Both are at least as short as what was there,
 * because a row of the log must not grow (changes/appended-table.ts). No user has this name. A row without a sender is blank.
 */
export const ERASED_SENDER_MARK = "~";

/** The sender of a message, from its row. */
export function senderOf(stored: string): string {
  return stored === ERASED_SENDER_MARK ? ERASED_USER : stored;
}

/** The id of a message, from its row. */
export function idOf(stored: string, seq: number): string {
  return stored === "" ? idOfErased(seq) : stored;
}
