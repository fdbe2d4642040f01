// How an account is removed, by the command line and over HTTP (MB4).
import { type LeftConversations, leaveConversations } from "../members/account-removal.ts";
import type { Actor } from "../members/standing.ts";
import type { AccountStore } from "../ports/accounts.ts";
import type { RevocationStore } from "../ports/revocations.ts";

export interface RemovalPorts {
  readonly accounts: Pick<AccountStore, "update" | "remove">;
  readonly revocations: Pick<RevocationStore, "revokeUser">;
  readonly members: Parameters<typeof leaveConversations>[0];
}

export type AccountRemoval =
  | { readonly outcome: "removed"; readonly conversations: number }
  | { readonly outcome: "missing" }
  /** It is disabled, and the members of this conversation are changed by others all the time: call again. */
  | Extract<LeftConversations, { outcome: "contended" }>;

/**
 * Removes an account, and takes its user out of all conversations. In this order: when it ends in the middle, the account is
 * disabled and the next call continues. `now` is in milliseconds since 1970.
 */
export async function removeAccount(
  { accounts, revocations, members }: RemovalPorts,
  user: string,
  actor: Actor,
  now: number,
): Promise<AccountRemoval> {
  if ((await accounts.update(user, { disabled: true })) === undefined) return { outcome: "missing" };
  // Tokens that an application signed for the user would otherwise stay valid, and could speak in what the user has left.
  await revocations.revokeUser(user, now);
  const left = await leaveConversations(members, user, actor);
  if (left.outcome === "contended") return left;
  if (!(await accounts.remove(user))) return { outcome: "missing" };
  return { outcome: "removed", conversations: left.conversations };
}
