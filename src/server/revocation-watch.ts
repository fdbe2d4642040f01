import type { Clock } from "../core/clock.ts";
import { endingFor } from "../core/closing.ts";
import type { RevocationStore } from "../core/revocations.ts";
import { REVOKED } from "./authentication/identify.ts";
import type { Connection } from "./socket/connection.ts";
import type { Directory } from "./socket/directory.ts";

export interface RevocationWatchParts {
  readonly revocations: Pick<RevocationStore, "watch">;
  readonly directory: Directory<Pick<Connection, "user" | "credential" | "end">>;
  readonly clock: Clock;
}

/**
 * How often sockets of revoked tokens are looked for, in milliseconds. Nobody knows where a token's sockets are, so all
 * are walked: not once for each sign-out, or one who does nothing but sign out would keep the server walking.
 */
const WALK_INTERVAL = 250;

/** Ends the sockets whose token was revoked (T5, A3), within a second of when it was, wherever that happened. */
export function watchRevocations({ revocations, directory, clock }: RevocationWatchParts): () => void {
  const tokens = new Set<string>();
  const stopWatching = revocations.watch((revocation) => {
    if ("tokenId" in revocation) {
      tokens.add(revocation.tokenId);
      return;
    }
    for (const connection of directory.of(revocation.user)) {
      const { credential } = connection;
      if (credential !== undefined && credential.issuedAt < revocation.before) end(connection);
    }
  });
  const stopWalking = clock.every(WALK_INTERVAL, () => {
    if (tokens.size === 0) return;
    for (const connection of directory.all())
      if (connection.credential !== undefined && tokens.has(connection.credential.tokenId)) end(connection);
    tokens.clear();
  });
  return () => {
    stopWatching();
    stopWalking();
  };
}

function end(connection: Pick<Connection, "end">): void {
  connection.end(endingFor(4401, { code: "token_revoked", message: REVOKED }));
}
