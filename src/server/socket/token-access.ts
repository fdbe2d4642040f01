import { explainMissingRight } from "../../core/access/grants.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { TokenTerm } from "../../core/session/connection-state.ts";
import type { Identity } from "../authentication/authenticate.ts";

/** The dependencies of `tokenTermOf`. */
export interface TokenTermDeps {
  readonly clock: Pick<Clock, "now" | "wall">;
  /** `leeway`: how far the clock of the token's issuer may be off, in seconds. */
  readonly keys: { readonly leeway: number };
}

/** Returns how long the token of `identity` is valid, by the clock that connections use. */
export function tokenTermOf({ clock, keys }: TokenTermDeps, identity: Identity): TokenTerm {
  return {
    // The leeway applies to an open connection as it does to the handshake. A token expires at a time of day, and a connection
    // measures durations, so the time is converted here.
    expiresAt: clock.now() + (identity.expiresAt - clock.wall()) + keys.leeway * 1000,
    lifetime: identity.expiresAt - identity.issuedAt,
  };
}

/** Returns a sentence for `forbidden` if the user may not write in a conversation; undefined if the user may. */
export function writeRefusalOf({ grants }: Identity, conversation: string): string | undefined {
  return explainMissingRight(grants, conversation, "write");
}
