import { CHECK_PREFIX } from "../../protocol/identifiers.ts";

/**
 * Says in a sentence why who may speak in `conversation` may not remove it; undefined where they may. Only what is for checks is
 * removed by its users: a check must leave nothing behind. All else is for operators to remove.
 */
export function explainRemovalRefusal(conversation: string): string | undefined {
  if (conversation.startsWith(CHECK_PREFIX)) return undefined;
  return `Over HTTP only conversations of checks can be removed, whose names begin with \`${CHECK_PREFIX}\`; an operator removes others with \`parley conversation remove\`.`;
}
