import { explainMissingRight } from "../../core/access/grants.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { TokenTerm } from "../../core/session/connection-state.ts";
import type { Identity } from "../authentication/authenticate.ts";

/** What is needed to say how long a token is valid. */
export interface TokenTermDeps {
  readonly clock: Pick<Clock, "now" | "wall">;
  /** `leeway`: how far the clock of the token's issuer may be off, in seconds. */
  readonly keys: { readonly leeway: number };
}

/** How long the token behind `identity` is valid, by the clock that connections measure by. */
export function tokenTermOf({ clock, keys }: TokenTermDeps, identity: Identity): TokenTerm {
  return {
    // The leeway that lets a token in lets it stay, too.
    // A token ends at a moment; a connection measures how long that is from now.
    expiresAt: clock.now() + (identity.expiresAt - clock.wall()) + keys.leeway * 1000,
    lifetime: identity.expiresAt - identity.issuedAt,
  };
}

/** Why the user may not write in a conversation, in a sentence for `forbidden`; undefined when the user may. */
export function writeRefusalOf({ grants }: Identity, conversation: string): string | undefined {
  return explainMissingRight(grants, conversation, "write");
}
