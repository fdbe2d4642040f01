// What a user may do with a message. The server decides; this only hides what it would refuse (docs/protocol/CHANGES.md).
import type { ConversationFacts, Entry } from "../../../../client/index.ts";
import { rightsOf } from "../../people/persons.ts";

export interface MessageRights {
  readonly mayReact: boolean;
  readonly mayEdit: boolean;
  readonly mayErase: boolean;
}

/** `editSeconds`: how long users may edit and erase their own messages; 0 without an end. `now` is in milliseconds since 1970. */
export function messageRights(
  row: Entry,
  facts: ConversationFacts | undefined,
  editSeconds: number,
  now: number,
): MessageRights {
  const isThere = row.seq !== undefined && row.erased === undefined;
  const isMuted = facts?.muted !== undefined;
  const isInTime = editSeconds === 0 || now - row.at < editSeconds * 1000;
  const isOwn = isThere && row.own && isInTime;
  return {
    mayReact: isThere && !isMuted,
    mayEdit: isOwn && !isMuted,
    mayErase: isOwn || (isThere && rightsOf(facts).canModerate),
  };
}

/** Most bytes of a reaction. */
const MAX_REACTION_BYTES = 64;

/** Says what is wrong with a reaction; undefined: nothing. */
export function reactionProblem(name: string): string | undefined {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0) return "Write an emoji or a short word.";
  if (bytes > MAX_REACTION_BYTES) return "Too long: at most 64 bytes.";
  const isRefused = /^(\.\.?|__proto__)$|[\p{Cc}\p{Cs}\p{Z}/]/u.test(name);
  return isRefused ? "This cannot be a reaction. It has no blanks and no slash." : undefined;
}
