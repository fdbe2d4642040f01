import { endingFor } from "../core/closing.ts";
import { type RevocationStore, revokes } from "../core/revocations.ts";
import { REVOKED } from "./authentication/identify.ts";
import type { Connection } from "./socket/connection.ts";
import type { Directory } from "./socket/directory.ts";

export interface RevocationWatchParts {
  readonly revocations: Pick<RevocationStore, "watch">;
  readonly directory: Directory<Pick<Connection, "user" | "credential" | "end">>;
}

/** Ends the sockets whose token was revoked (T5, A3), wherever it was: the store tells within a second. */
export function watchRevocations({ revocations, directory }: RevocationWatchParts): () => void {
  return revocations.watch((revocation) => {
    const concerned = "user" in revocation ? directory.of(revocation.user) : directory.all();
    for (const connection of concerned) {
      const { user, credential } = connection;
      if (credential === undefined) continue;
      const token = { id: credential.tokenId, subject: user, issuedAt: credential.issuedAt };
      if (revokes(revocation, token))
        connection.end(endingFor(4401, { code: "token_revoked", message: REVOKED }));
    }
  });
}
