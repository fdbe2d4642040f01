// What a user may do with a message. The server decides; this only hides what it would refuse (docs/protocol/CHANGES.md).
import type { ConversationFacts, Entry } from "../../../../client/index.ts";
import { fitsReaction, isReactionText } from "../../../../protocol/frames/reaction.ts";
import { MAX_REACTION_BYTES } from "../../../../protocol/limits.ts";
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

/** Says what is wrong with a reaction; undefined: nothing. */
export function reactionProblem(name: string): string | undefined {
  if (name === "") return "Write an emoji or a short word.";
  if (!fitsReaction(name)) return `Too long: at most ${MAX_REACTION_BYTES} bytes.`;
  return isReactionText(name) ? undefined : "This cannot be a reaction. It has no blanks and no slash.";
}
