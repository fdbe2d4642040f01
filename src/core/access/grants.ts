import { isIdentifier } from "../../protocol/identifiers.ts";

/**
 * `read`: open a socket, receive, read history and presence, and mark as read. `write`: send messages and typing. `manage`: do
 * what an owner of the conversation may.
 */
export type Right = "read" | "write" | "manage";

/**
 * The grants of a credential. An absent field allows everything but `manage`, an empty list nothing. `manage` is never implied:
 * a token has it only where `rights` names it and `conversations` names the conversation.
 */
export interface Grants {
  /** Exact names, or patterns with one `*` at the end: `team-*`. */
  readonly conversations?: readonly string[];
  readonly rights?: readonly Right[];
}

/** All conversations, all rights. */
export const ALL_GRANTS: Grants = {};

/** The most conversations and patterns in one credential: each check compares all of them. */
export const MAX_GRANTED_CONVERSATIONS = 100;

const RIGHTS: readonly string[] = ["read", "write", "manage"] satisfies Right[];

/** Reads the claims `conversations` and `rights`; `problem` continues the sentence "The token is not valid: ". */
export function readGrants(
  conversations: unknown,
  rights: unknown,
): { readonly grants: Grants } | { readonly problem: string } {
  if (conversations !== undefined && !isPatternList(conversations))
    return {
      problem: `its \`conversations\` is not a list of at most ${MAX_GRANTED_CONVERSATIONS} conversations or patterns such as \`team-*\``,
    };
  if (rights !== undefined && !isRightList(rights))
    return { problem: "its `rights` is not a list of `read`, `write` and `manage`" };
  // Each open connection keeps its grants, and most tokens name none.
  if (conversations === undefined && rights === undefined) return { grants: ALL_GRANTS };
  return { grants: { ...(conversations !== undefined && { conversations }), ...(rights && { rights }) } };
}

/**
 * Returns a sentence for `forbidden` that names the missing grant for `right` in `conversation`; undefined when the right
 * is granted.
 */
export function explainMissingRight(
  grants: Grants,
  conversation: string,
  right: "read" | "write",
): string | undefined {
  const { conversations, rights } = grants;
  if (!allowsConversation(conversations, conversation))
    return `This token does not allow the conversation \`${conversation}\`.`;
  if (rights?.includes(right) === false) return `This token does not have the right \`${right}\`.`;
  return undefined;
}

/** Returns whether a user's token has the right `manage` for a conversation. */
export function grantsManage({ conversations, rights }: Grants, conversation: string): boolean {
  if (rights?.includes("manage") !== true) return false;
  return conversations?.some((pattern) => matchesPattern(pattern, conversation)) === true;
}

/** Returns whether `text` is the id of a conversation, or the beginning of ids with a `*` at the end. */
export function isConversationPattern(text: string): boolean {
  if (isIdentifier(text) || text === "*") return true;
  // A beginning need not be a valid id: `..` is none, but `..*` matches the id `..a`.
  const beginning = text.slice(0, -1);
  return text.endsWith("*") && (isIdentifier(beginning) || /^\.{1,2}$/.test(beginning));
}

/** Returns whether `pattern` matches all names that `other`, a name or a pattern, matches. */
export function coversPattern(pattern: string, other: string): boolean {
  return other.endsWith("*")
    ? pattern.endsWith("*") && other.startsWith(pattern.slice(0, -1))
    : matchesPattern(pattern, other);
}

/** Returns whether grants of these conversations allow this one; without a list they allow all. */
export function allowsConversation(
  conversations: readonly string[] | undefined,
  conversation: string,
): boolean {
  return conversations?.some((pattern) => matchesPattern(pattern, conversation)) !== false;
}

function matchesPattern(pattern: string, conversation: string): boolean {
  return pattern.endsWith("*") ? conversation.startsWith(pattern.slice(0, -1)) : pattern === conversation;
}

function isPatternList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_GRANTED_CONVERSATIONS &&
    value.every((item) => typeof item === "string" && isConversationPattern(item))
  );
}

function isRightList(value: unknown): value is Right[] {
  return (
    Array.isArray(value) && value.length <= RIGHTS.length && value.every((item) => RIGHTS.includes(item))
  );
}
