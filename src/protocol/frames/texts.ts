// Short texts that users write and others read: titles and reasons.

import { z } from "zod";
import { MAX_REASON_LENGTH } from "../limits.ts";

/** A text of one line, of at most `most` characters. */
export const Text = (most: number) =>
  z
    .string("must be a string")
    .refine((text) => [...text].length <= most, `must be ${most} characters or less`)
    // UTF-8 cannot write half of a surrogate pair.
    .refine((text) => text.isWellFormed(), "holds half of a surrogate pair, which is no character")
    .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), "must have no control characters")
    .meta({ maxLength: most });

/** Controls, and what turns the direction of writing, so that another text is shown than was written (CVE-2021-42574). */
const HIDDEN_IN_REASON = /[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;

/** The reason of a mute, a ban or an erasure: others read it. */
export const Reason = Text(MAX_REASON_LENGTH).refine(
  (text) => text.search(HIDDEN_IN_REASON) === -1,
  "must have no characters that change the direction of writing",
);

/** Makes a reason of any text: without what a reason must not have, and cut where it is too long. */
export function toReason(text: string): string {
  const shown = text.toWellFormed().replace(HIDDEN_IN_REASON, "");
  return [...shown].slice(0, MAX_REASON_LENGTH).join("");
}
