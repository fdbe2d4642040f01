import { allowsConversation, coversPattern, type Grants, type Right } from "./grants.ts";

/** What an API key allows. Without `conversations`: in all conversations, and what is in none of them. */
export interface ApiKeyGrants {
  readonly rights: readonly Right[];
  /** Exact names, or patterns with one `*` at the end: `team-*`. */
  readonly conversations?: readonly string[];
}

/** A key with which a program of the operator may use the HTTP routes: an entry of API_KEYS, or one of the store. */
export interface ApiKey extends ApiKeyGrants {
  /** The name of the key in the log. Two keys may have the same name while one replaces the other. */
  readonly name: string;
  /** SHA-256 of the whole key, in hex. The key itself is not stored on the server. */
  readonly hash: string;
}

/** The rights, in the order in which they are written. */
export const RIGHTS: readonly Right[] = ["read", "write", "manage"];

/** The ways to write rights in an entry. */
export const RIGHTS_BY_NAME: ReadonlyMap<string, readonly Right[]> = new Map([
  ["read", ["read"]],
  ["write", ["write"]],
  ["manage", ["manage"]],
  ["read+write", ["read", "write"]],
  ["read+manage", ["read", "manage"]],
  ["write+manage", ["write", "manage"]],
  ["read+write+manage", ["read", "write", "manage"]],
]);

/** Returns a sentence for `forbidden` that names what an API key lacks for `right` in `conversation`; undefined if nothing. */
export function explainMissingKeyRight(
  { rights, conversations }: Grants,
  conversation: string,
  right: Right,
): string | undefined {
  if (rights?.includes(right) !== true) return `This API key does not have the right \`${right}\`.`;
  return allowsConversation(conversations, conversation)
    ? undefined
    : `This API key does not allow the conversation \`${conversation}\`.`;
}

/**
 * Returns a sentence for `forbidden` where an API key may not use the operator's addresses, which are about no conversation:
 * users, nodes, other keys. A key that is limited to conversations may not (OA2).
 */
export function explainMissingOperation({ rights, conversations }: Grants): string | undefined {
  if (rights?.includes("manage") !== true) return "This API key does not have the right `manage`.";
  return conversations === undefined
    ? undefined
    : "This API key is limited to conversations, and what is asked for is about all of them.";
}

/**
 * Returns a sentence that names what `giver` would give and has not itself; undefined where it may make a key with `given`.
 * Otherwise a key that may only manage could make itself one that reads everything.
 */
export function explainGivingTooMuch(giver: ApiKeyGrants, given: ApiKeyGrants): string | undefined {
  const right = given.rights.find((each) => !giver.rights.includes(each));
  if (right !== undefined)
    return `A key gives no right that it does not have itself, and this one does not have \`${right}\`.`;
  const { conversations } = giver;
  if (conversations === undefined) return undefined;
  if (given.conversations === undefined)
    return "A key gives no conversation that it may not use itself: `conversations` must be named.";
  const beyond = given.conversations.find((each) => !conversations.some((own) => coversPattern(own, each)));
  return beyond === undefined
    ? undefined
    : `A key gives no conversation that it may not use itself: \`${beyond}\`.`;
}
