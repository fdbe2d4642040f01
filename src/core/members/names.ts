/** The names that the server gives begin with it, and no other conversation may have a name that does. */
export const GIVEN_NAME_PREFIX = "_";

/** How many random bytes a given name is made of; each becomes one character. */
export const GIVEN_NAME_BYTES = 25;

/** 32 characters, so that each stands for 5 bits: a name has 125. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** Returns whether only the server may make a conversation of this name. */
export function isGivenName(conversation: string): boolean {
  return conversation.startsWith(GIVEN_NAME_PREFIX);
}

/** Returns the name of a new conversation. `bytes` MUST be impossible to guess. */
export function givenName(bytes: Uint8Array): string {
  const letters = Array.from(bytes.subarray(0, GIVEN_NAME_BYTES), (byte) => ALPHABET[byte % ALPHABET.length]);
  return `${GIVEN_NAME_PREFIX}${letters.join("")}`;
}

/** The text whose keyed hash is the name of the conversation that `maker` makes with the request `id`: a repeat finds it. */
export function requestKey(maker: string, id: string): string {
  // The names of users contain no space, so two requests never share a text.
  return `request ${maker} ${id}`;
}

/**
 * The text whose keyed hash is the name of the one direct conversation of two users. `former`: how many such conversations are of persons
 * of these names who were erased.
 */
export function directKey([first, second]: readonly [string, string], former = 0): string {
  return former === 0 ? `direct ${first} ${second}` : `direct ${first} ${second} ${former}`;
}

/** Returns two users in ascending order. */
export function pairOf(one: string, other: string): readonly [string, string] {
  return one < other ? [one, other] : [other, one];
}
