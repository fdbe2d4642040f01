import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { TicketStore } from "../../core/ports/tickets.ts";
import { type AuthDeps, type AuthResult, authenticate, authorize } from "./authenticate.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** The credential with which a socket is opened. */
export type PresentedCredential = { readonly token: string } | { readonly ticket: string };

export interface CredentialDeps extends AuthDeps {
  readonly tickets: TicketStore<VerifiedToken>;
}

/** The address at which a socket was opened, and whether its client may use demo accounts. */
export interface SocketAddress {
  readonly user: string;
  /** Undefined for the socket of a user. */
  readonly conversation: string | undefined;
  readonly demoUse: DemoUse;
}

/** Authenticates a token or a ticket for the address of `user` in `conversation` (W3). */
export async function authenticateCredential(
  deps: CredentialDeps,
  presented: PresentedCredential,
  { user, conversation, demoUse }: SocketAddress,
): Promise<AuthResult> {
  if ("token" in presented) return authenticate(deps, presented.token, demoUse, user);
  const token = await deps.tickets.redeem(presented.ticket, { user, conversation });
  if (token === undefined) return { refusal: { code: "unauthorized", message: TICKET_REFUSED } };
  // A ticket is valid only as long as its token: it ends with the token's expiry or revocation.
  if (token.expiresAt <= deps.clock.wall())
    return { refusal: { code: "token_expired", message: "The token behind the ticket has expired." } };
  return authorize(deps, token, demoUse, user);
}

const TICKET_REFUSED =
  "The ticket is not valid: it was used, is older than 30 seconds, or is for another address.";
