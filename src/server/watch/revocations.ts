import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RevocationListener, RevocationStore } from "../../core/ports/revocations.ts";
import { closeReason } from "../../core/session/close-reason.ts";
import { REVOKED } from "../authentication/authenticate.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";

type Revocable = Pick<Connection, "user" | "credential" | "end">;

export interface RevocationWatchDeps {
  readonly revocations: Pick<RevocationStore, "watch" | "isRevoked">;
  readonly registry: ConnectionRegistry<Revocable>;
  readonly clock: Clock;
  readonly emit: Emit;
}

/**
 * How often sockets of revoked tokens are looked for, in milliseconds. Nobody knows where a token's sockets are, so all
 * are walked: not once for each sign-out, or one who does nothing but sign out would keep the server walking.
 */
const SWEEP_INTERVAL_MS = 250;

/** Tokens asked about in one go, when nobody knows which were revoked. */
const CHECKS_AT_ONCE = 500;

/** Ends the sockets whose token was revoked (SEC-T5, A3), within a second of when it was, wherever that happened. */
export function watchRevocations({
  revocations,
  registry: directory,
  clock,
  emit,
}: RevocationWatchDeps): () => void {
  const tokens = new Set<string>();
  const users = new Map<string, number>();
  const onRevocation: RevocationListener = (revocation) => {
    if ("tokenId" in revocation) {
      tokens.add(revocation.tokenId);
      emit("revocation.token", { token_id: revocation.tokenId });
    } else {
      emit("revocation.user", { user: revocation.user });
      users.set(revocation.user, revocation.before);
      closeOlder(directory, revocation);
    }
  };
  const stopWatching = revocations.watch(onRevocation, () => recheckAll(revocations, directory));
  const stopWalking = clock.every(SWEEP_INTERVAL_MS, () => {
    if (tokens.size > 0) {
      for (const connection of directory.all())
        if (connection.credential !== undefined && tokens.has(connection.credential.tokenId))
          closeRevoked(connection);
      tokens.clear();
    }
    // Once more: who had just been let in was not in the directory yet.
    for (const [user, before] of users) closeOlder(directory, { user, before });
    users.clear();
  });
  return () => {
    stopWatching();
    stopWalking();
  };
}

function closeOlder(
  directory: ConnectionRegistry<Revocable>,
  { user, before }: { readonly user: string; readonly before: number },
): void {
  for (const connection of directory.ofUser(user)) {
    const { credential } = connection;
    if (credential !== undefined && credential.issuedAt < before) closeRevoked(connection);
  }
}

/** Asks about the token of every socket. Rejects when one cannot be answered. */
async function recheckAll(
  revocations: Pick<RevocationStore, "isRevoked">,
  directory: ConnectionRegistry<Revocable>,
): Promise<void> {
  const all = directory.all();
  for (let first = 0; first < all.length; first += CHECKS_AT_ONCE)
    await Promise.all(
      all.slice(first, first + CHECKS_AT_ONCE).map(async (connection) => {
        const { user, credential } = connection;
        if (credential === undefined) return;
        const { tokenId: id, issuedAt } = credential;
        const isRevoked = await revocations.isRevoked({ id, subject: user, issuedAt });
        // It may have been renewed in place meanwhile.
        if (isRevoked && connection.credential?.tokenId === id) closeRevoked(connection);
      }),
    );
}

function closeRevoked(connection: Pick<Connection, "end">): void {
  connection.end(closeReason(4401, { code: "token_revoked", message: REVOKED }));
}
