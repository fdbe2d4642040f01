import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RevocableToken, RevocationListener, RevocationStore } from "../../core/ports/revocations.ts";
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
  /** Ends the open streams of a user whose tokens are revoked (ST3). */
  readonly refuseStreams: (user: string) => void;
  /** Ends those that were written with single tokens, on a socket and over HTTP. */
  readonly streams: {
    refuse(connection: object): void;
    refuseTokens(tokenIds: ReadonlySet<string>): void;
    recheckTokens(isRevoked: (token: RevocableToken) => Promise<boolean>): Promise<void>;
  };
}

/**
 * How often sockets of revoked tokens are searched, in milliseconds. There is no index from tokens to sockets, so all sockets
 * are checked: not once for each sign-out, or a client that only signs out would keep the server busy.
 */
const SWEEP_INTERVAL_MS = 250;

/** Tokens checked in one batch, when it is unknown which were revoked. */
const CHECKS_AT_ONCE = 500;

/** Closes the sockets whose token was revoked (SEC-T5, A3), within a second, on whichever node that happened. */
export function watchRevocations(deps: RevocationWatchDeps): () => void {
  const { revocations, registry, clock, emit, refuseStreams, streams } = deps;
  const closeRevoked = (connection: Revocable) => {
    streams.refuse(connection);
    connection.end(closeReason(4401, { code: "token_revoked", message: REVOKED }));
  };
  const tokens = new Set<string>();
  const users = new Map<string, number>();
  const onRevocation: RevocationListener = (revocation) => {
    if ("tokenId" in revocation) {
      tokens.add(revocation.tokenId);
      emit("revocation.token", { token_id: revocation.tokenId });
    } else {
      emit("revocation.user", { user: revocation.user });
      users.set(revocation.user, revocation.before);
      closeOlder(registry, revocation, closeRevoked);
      refuseStreams(revocation.user);
    }
  };
  const stopWatching = revocations.watch(onRevocation, async () => {
    await recheckAll(revocations, registry, closeRevoked);
    await streams.recheckTokens((token) => revocations.isRevoked(token));
  });
  const stopWalking = clock.every(SWEEP_INTERVAL_MS, () => {
    if (tokens.size > 0) {
      for (const connection of registry.all())
        if (connection.credential !== undefined && tokens.has(connection.credential.tokenId))
          closeRevoked(connection);
      streams.refuseTokens(tokens);
      tokens.clear();
    }
    // A second time: a connection that was accepted just before was not in the registry yet.
    for (const [user, before] of users) closeOlder(registry, { user, before }, closeRevoked);
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
  close: (connection: Revocable) => void,
): void {
  for (const connection of directory.ofUser(user)) {
    const { credential } = connection;
    if (credential !== undefined && credential.issuedAt < before) close(connection);
  }
}

/** Checks the token of every socket. Rejects when one check fails. */
async function recheckAll(
  revocations: Pick<RevocationStore, "isRevoked">,
  directory: ConnectionRegistry<Revocable>,
  close: (connection: Revocable) => void,
): Promise<void> {
  const all = directory.all();
  for (let first = 0; first < all.length; first += CHECKS_AT_ONCE)
    await Promise.all(
      all.slice(first, first + CHECKS_AT_ONCE).map(async (connection) => {
        const { user, credential } = connection;
        if (credential === undefined) return;
        const { tokenId: id, issuedAt } = credential;
        const isRevoked = await revocations.isRevoked({ id, subject: user, issuedAt });
        // The connection may have got a new token meanwhile.
        if (isRevoked && connection.credential?.tokenId === id) close(connection);
      }),
    );
}
