// What one may do in a conversation. Every request about it, on a socket or over HTTP, is checked by `refuseReading`; posts are
// checked where they are stored (speech.ts).
import { beginsByTalking, type MemberPolicy } from "./policy.ts";
import { type Access, type ConversationView, isInForce, ROLES, type Role, type Standing } from "./records.ts";
import { bannedRefusal, type MemberRefusal, NOT_BELONGING, NOT_FOUND } from "./refusals.ts";

/** The sender of a request: a program with an API key, or a user. `name` is that of the key or user. */
export interface Actor {
  readonly kind: "key" | "user";
  readonly name: string;
  /** The user's token has the right `manage` for the conversation, so that it may do what an owner may. */
  readonly manages?: boolean;
}

/** The operator at the command line, who may do what a program with an API key may. */
export const OPERATOR: Actor = { kind: "key", name: "operator" };

/** A conversation, the sender of a request about it, and the settings. */
export interface Scene {
  readonly conversation: string;
  readonly view: ConversationView;
  readonly actor: Actor;
  readonly policy: MemberPolicy;
}

/** How much the sender may do: that of a role, or that of an API key; undefined: no more than any user. */
export type Power = Role | "key" | undefined;

/** Returns who may use a conversation. */
export function accessOf({ facts }: Pick<ConversationView, "facts">): Access {
  return facts?.access ?? "anyone";
}

/** Returns why the sender may not read the conversation (MB1, MB2); undefined if it may. */
export function refuseReading({ conversation, view, actor, policy }: Scene): MemberRefusal | undefined {
  const { kind, manages = false } = actor;
  const isOperator = kind === "key" || manages;
  if (!view.exists && !beginsByTalking(conversation, policy)) return isOperator ? NOT_FOUND : NOT_BELONGING;
  if (kind === "key") return undefined;
  const { role, banned } = view.standings.get(actor.name) ?? {};
  const isHidden = accessOf(view) === "members" && role === undefined && !manages;
  if (isHidden) return NOT_BELONGING;
  return isInForce(banned, view.now) ? bannedRefusal(banned.until) : undefined;
}

/** Returns what the sender may do in the conversation. */
export function powerOf({ view, actor }: Pick<Scene, "view" | "actor">): Power {
  if (actor.kind === "key") return "key";
  return actor.manages ? "owner" : view.standings.get(actor.name)?.role;
}

/** Returns whether the sender may act on a user: on lower roles only, as an owner on all (MB4). */
export function actsOn(power: Power, target: Standing | undefined): boolean {
  if (power === "key" || power === "owner") return true;
  return power === "moderator" && rankOf(target?.role) < rankOf("moderator");
}

/**
 * Returns whether the conversation would be left without an owner if `target` were none any more. A direct conversation
 * belongs to its two users, who may each leave it.
 */
export function isLastOwner({ owners, facts }: ConversationView, target: Standing | undefined): boolean {
  return target?.role === "owner" && owners === 1 && facts?.direct === undefined;
}

/** Returns the place of a role among the others; -1 for none. */
export function rankOf(role: Role | undefined): number {
  return role === undefined ? -1 : ROLES.indexOf(role);
}
