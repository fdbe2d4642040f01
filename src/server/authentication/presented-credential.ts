import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { TicketStore } from "../../core/ports/tickets.ts";
import { type AuthDeps, type AuthResult, authenticate, authorize } from "./authenticate.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** What a socket shows to prove who opens it. */
export type PresentedCredential = { readonly token: string } | { readonly ticket: string };

export interface CredentialDeps extends AuthDeps {
  readonly tickets: TicketStore<VerifiedToken>;
}

/** What a socket was opened at, and whether demo accounts may be used by who opened it. */
export interface SocketAddress {
  readonly user: string;
  readonly conversation: string;
  readonly demoUse: DemoUse;
}

/** Finds out who presents a token or a ticket for the address of `user` in `conversation` (W3). */
export async function authenticateCredential(
  parts: CredentialDeps,
  presented: PresentedCredential,
  { user, conversation, demoUse }: SocketAddress,
): Promise<AuthResult> {
  if ("token" in presented) return authenticate(parts, presented.token, demoUse, user);
  const token = await parts.tickets.redeem(presented.ticket, { user, conversation });
  if (token === undefined) return { refusal: { code: "unauthorized", message: TICKET_REFUSED } };
  // The ticket stands for the token it was given for: what ends that one, expiry and revocation, ends the ticket, too.
  if (token.expiresAt <= parts.clock.wall())
    return { refusal: { code: "token_expired", message: "The token behind the ticket has expired." } };
  return authorize(parts, token, demoUse, user);
}

const TICKET_REFUSED =
  "The ticket is not valid: it was used, is older than 30 seconds, or is for another address.";
