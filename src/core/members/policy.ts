import { isGivenName } from "./names.ts";
import type { Access } from "./records.ts";

/** The operator's settings about members. */
export interface MemberPolicy {
  /** CONVERSATION_ACCESS: the access of new conversations. */
  readonly defaultAccess: Access;
  /** CONVERSATION_CREATE: who may make conversations with names that the server gives. */
  readonly create: "anyone" | "operators";
  /** MAX_MEMBERS, of one conversation. */
  readonly maxMembers: number;
  /** MAX_CONVERSATIONS_PER_USER. */
  readonly maxConversations: number;
}

/** The most conversations that others have put a user into and that it has not opened; the oldest goes (MB5). */
export const MAX_UNOPENED = 200;

/** Returns whether a conversation of this name begins with the first message, or with the first client that opens it. */
export function beginsByTalking(conversation: string, policy: Pick<MemberPolicy, "defaultAccess">): boolean {
  return !isGivenName(conversation) && policy.defaultAccess === "anyone";
}

/** Returns the access of a conversation that is made without one: who lists its members expects a private conversation. */
export function accessOfNew(listsMembers: boolean, policy: Pick<MemberPolicy, "defaultAccess">): Access {
  return listsMembers ? "members" : policy.defaultAccess;
}
