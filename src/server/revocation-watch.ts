import type { Clock } from "../core/clock.ts";
import { endingFor } from "../core/closing.ts";
import type { RevocationListener, RevocationStore } from "../core/revocations.ts";
import { REVOKED } from "./authentication/identify.ts";
import type { Log } from "./log.ts";
import type { Connection } from "./socket/connection.ts";
import type { Directory } from "./socket/directory.ts";

type Revocable = Pick<Connection, "user" | "credential" | "end">;

export interface RevocationWatchParts {
  readonly revocations: Pick<RevocationStore, "watch" | "isRevoked">;
  readonly directory: Directory<Revocable>;
  readonly clock: Clock;
  readonly log: Pick<Log, "info">;
}

/**
 * How often sockets of revoked tokens are looked for, in milliseconds. Nobody knows where a token's sockets are, so all
 * are walked: not once for each sign-out, or one who does nothing but sign out would keep the server walking.
 */
const WALK_INTERVAL = 250;

/** Tokens asked about in one go, when nobody knows which were revoked. */
const ASKED_AT_ONCE = 500;

/** Ends the sockets whose token was revoked (T5, A3), within a second of when it was, wherever that happened. */
export function watchRevocations({ revocations, directory, clock, log }: RevocationWatchParts): () => void {
  const tokens = new Set<string>();
  const users = new Map<string, number>();
  const take: RevocationListener = (revocation) => {
    if ("tokenId" in revocation) {
      tokens.add(revocation.tokenId);
      log.info("revocation.token", { token_id: revocation.tokenId });
    } else {
      log.info("revocation.user", { user: revocation.user });
      users.set(revocation.user, revocation.before);
      endOlder(directory, revocation);
    }
  };
  const stopWatching = revocations.watch(take, () => askAboutAll(revocations, directory));
  const stopWalking = clock.every(WALK_INTERVAL, () => {
    if (tokens.size > 0) {
      for (const connection of directory.all())
        if (connection.credential !== undefined && tokens.has(connection.credential.tokenId)) end(connection);
      tokens.clear();
    }
    // Once more: who had just been let in was not in the directory yet.
    for (const [user, before] of users) endOlder(directory, { user, before });
    users.clear();
  });
  return () => {
    stopWatching();
    stopWalking();
  };
}

function endOlder(
  directory: Directory<Revocable>,
  { user, before }: { readonly user: string; readonly before: number },
): void {
  for (const connection of directory.of(user)) {
    const { credential } = connection;
    if (credential !== undefined && credential.issuedAt < before) end(connection);
  }
}

/** Asks about the token of every socket. Rejects when one cannot be answered. */
async function askAboutAll(
  revocations: Pick<RevocationStore, "isRevoked">,
  directory: Directory<Revocable>,
): Promise<void> {
  const all = directory.all();
  for (let first = 0; first < all.length; first += ASKED_AT_ONCE)
    await Promise.all(
      all.slice(first, first + ASKED_AT_ONCE).map(async (connection) => {
        const { user, credential } = connection;
        if (credential === undefined) return;
        const { tokenId: id, issuedAt } = credential;
        const isRevoked = await revocations.isRevoked({ id, subject: user, issuedAt });
        // It may have been renewed in place meanwhile.
        if (isRevoked && connection.credential?.tokenId === id) end(connection);
      }),
    );
}

function end(connection: Pick<Connection, "end">): void {
  connection.end(endingFor(4401, { code: "token_revoked", message: REVOKED }));
}
