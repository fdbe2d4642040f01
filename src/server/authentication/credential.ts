import type { DemoUse } from "../../core/demo-accounts.ts";
import type { TicketStore } from "../../core/tickets.ts";
import { type Identification, type IdentifyParts, identify, permit } from "./identify.ts";
import type { VerifiedToken } from "./tokens.ts";

/** What a socket shows to prove who opens it. */
export type Presented = { readonly token: string } | { readonly ticket: string };

export interface CredentialParts extends IdentifyParts {
  readonly tickets: TicketStore<VerifiedToken>;
}

/** What a socket was opened at, and whether demo accounts may be used by who opened it. */
export interface Address {
  readonly user: string;
  readonly conversation: string;
  readonly demoUse: DemoUse;
}

/** Finds out who presents a token or a ticket for the address of `user` in `conversation` (W3). */
export async function identifyCredential(
  parts: CredentialParts,
  presented: Presented,
  { user, conversation, demoUse }: Address,
): Promise<Identification> {
  if ("token" in presented) return identify(parts, presented.token, demoUse, user);
  const token = await parts.tickets.take(presented.ticket, { user, conversation });
  if (token === undefined) return { refusal: { code: "unauthorized", message: TICKET_REFUSED } };
  // The ticket stands for the token it was given for: what ends that one, expiry and revocation, ends the ticket, too.
  if (token.expiresAt <= parts.clock.wall())
    return { refusal: { code: "token_expired", message: "The token behind the ticket has expired." } };
  return permit(parts, token, demoUse, user);
}

const TICKET_REFUSED =
  "The ticket is not valid: it was used, is older than 30 seconds, or is for another address.";
