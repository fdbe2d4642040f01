// The names of reactions, for the server and for pages, which have no room for schemas.
import { MAX_REACTION_BYTES } from "../limits.ts";
import { utf8Length } from "../utf8.ts";

/** Control characters, blanks and `/` cannot be in a reaction, so that it may be a part of a path. */
const REFUSED_IN_REACTIONS = /[\p{Cc}\p{Cs}\p{Z}/]/u;

/** Steps of a path; and a client that merges reactions into an object could change the prototype of all objects. */
const REFUSED_REACTIONS: ReadonlySet<string> = new Set([".", "..", "__proto__"]);

/** Whether a reaction has a length that is accepted. */
export function fitsReaction(text: string): boolean {
  return text !== "" && utf8Length(text) <= MAX_REACTION_BYTES;
}

/** Whether a reaction consists of what is accepted. */
export function isReactionText(text: string): boolean {
  return !REFUSED_REACTIONS.has(text) && !REFUSED_IN_REACTIONS.test(text);
}
