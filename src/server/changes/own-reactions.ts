// A user's own reactions to the messages that it is sent. The frames of a room are encoded once for all of its members, so what
// belongs to one user is added at the end of a frame.
import type { OwnReactions } from "../../core/changes/message-state.ts";
import type { KeptChange } from "../socket/conversation/recent/recent-changes.ts";

/** What a message with reactions contains. Its text or `data` may contain it, too; then the store knows of no reactions. */
const REACTIONS = '"reactions":{';

/** Whether an encoded message may have reactions. */
export function mayHaveReactions(frame: string): boolean {
  return frame.includes(REACTIONS);
}

/** The `seq` of those of consecutive frames, from `first` on, that may have reactions. */
export function seqsWithReactions(first: number, frames: readonly string[]): number[] {
  return frames.flatMap((frame, index) => (mayHaveReactions(frame) ? [first + index] : []));
}

/** Adds a user's own reactions to consecutive frames of messages, from `first` on. */
export function withOwnReactions(
  first: number,
  frames: readonly string[],
  own: OwnReactions,
): readonly string[] {
  if (own.size === 0) return frames;
  return frames.map((frame, index) => {
    const names = own.get(first + index);
    return names === undefined || names.length === 0
      ? frame
      : `${frame.slice(0, -1)},"mine":${JSON.stringify(names)}}`;
  });
}

/** A user's own reactions, as they were read from the store when the room knew the changes up to `rev`. */
export interface ReadReactions {
  readonly rev: number;
  readonly own: OwnReactions;
}

/** Whether what was read still holds: the user has not reacted since. `changes`: those after its `rev`; undefined: not known. */
export function isPresent(changes: readonly KeptChange[] | undefined, user: string): boolean {
  return changes?.every(({ reactor }) => reactor !== user) === true;
}
