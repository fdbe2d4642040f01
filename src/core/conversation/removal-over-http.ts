import { CHECK_PREFIX } from "../../protocol/identifiers.ts";

/**
 * Returns a sentence with the reason why a user who may post in `conversation` may not remove it; undefined if allowed.
 * Users may remove only conversations of checks, which must leave nothing behind. All others are for operators.
 */
export function explainRemovalRefusal(conversation: string): string | undefined {
  if (conversation.startsWith(CHECK_PREFIX)) return undefined;
  return `Over HTTP only conversations of checks can be removed, whose names begin with \`${CHECK_PREFIX}\`; an operator removes others with \`parley conversation remove\`.`;
}
