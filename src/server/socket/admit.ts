import { explainMissingRight } from "../../core/access/grants.ts";
import type { ConnectionLeases } from "../../core/ports/leases.ts";
import { STORE_UNAVAILABLE } from "../../core/session/store-health.ts";
import type { AuthResult, Identity } from "../authentication/authenticate.ts";
import {
  authenticateCredential,
  type CredentialDeps,
  type PresentedCredential,
} from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { AdmissionQueue } from "./admission-queue.ts";
import type { Connection } from "./connection.ts";
import { type JoinDeps, join } from "./conversation/join.ts";
import { SoleMember } from "./conversation/sole-member.ts";
import { closeWithInternalError } from "./internal-error.ts";
import { tokenTermOf } from "./token-access.ts";
import { welcomeUser } from "./user/welcome.ts";

export interface AdmitDeps extends CredentialDeps, Omit<JoinDeps, keyof CredentialDeps> {
  readonly leases: ConnectionLeases;
  readonly admissionQueue: AdmissionQueue;
}

/**
 * Admits a connection in three steps: `authenticate` its credential, acquire a `lease` for it, `join` its conversation, if
 * the socket has one in its address.
 *
 * The client may have disconnected during each wait. Then `Connection.onClose` has already released everything that was
 * acquired before.
 */
export function admit(
  deps: AdmitDeps,
  connection: Connection,
  presented: PresentedCredential,
  permit: Permit | Promise<Permit> = deps.admissionQueue.acquire(),
): void {
  if (permit instanceof Promise) permit.then((acquired) => admit(deps, connection, presented, acquired));
  else
    tryToAdmit(deps, connection, presented)
      .catch((error) => {
        // The store was unavailable. The close says so, and that the client should reconnect in a moment.
        if (deps.engine.isUnavailable(error)) connection.end(STORE_UNAVAILABLE);
        else closeWithInternalError(deps.emit, connection, error);
      })
      .finally(() => permit.release());
}

/** Replaces the token of a connection by another one of the same user (A2). */
export function renew(deps: AdmitDeps, connection: Connection, token: string): void {
  tryToRenew(deps, connection, token).catch((error) => {
    if (!deps.engine.isUnavailable(error)) return closeWithInternalError(deps.emit, connection, error);
    // The socket stays open (L3): the client can try again until its present token expires.
    const message = "The store cannot be reached now; send the token again in a moment.";
    connection.apply({ type: "renewal_refused", code: "unavailable", message });
  });
}

async function tryToAdmit(
  deps: AdmitDeps,
  connection: Connection,
  presented: PresentedCredential,
): Promise<void> {
  if (connection.ended) return;
  const identity = await authenticate(deps, connection, presented);
  if (connection.ended) return;
  if ("refusal" in identity) return connection.refused(identity.refusal.code, identity.refusal.message);
  connection.authenticated(identity);
  if (!(await lease(deps, connection, identity))) return;
  const { conversations } = connection;
  if (conversations instanceof SoleMember) await join(deps, connection, conversations, identity);
  else await welcomeUser(deps, connection, identity);
}

async function tryToRenew(deps: AdmitDeps, connection: Connection, token: string): Promise<void> {
  const identity = await authenticate(deps, connection, { token });
  if (connection.ended) return;
  if ("refusal" in identity) connection.apply({ type: "renewal_refused", ...identity.refusal });
  else connection.renewed(identity, tokenTermOf(deps, identity));
}

/** Returns the identity of the credential's holder, or the reason why the credential does not allow the connection's address. */
async function authenticate(
  deps: AdmitDeps,
  { user, demoUse, conversations }: Connection,
  presented: PresentedCredential,
): Promise<AuthResult> {
  const { conversation } = conversations;
  const identity = await authenticateCredential(deps, presented, { user, conversation, demoUse });
  // On the socket of a user the rights are checked with each request.
  if ("refusal" in identity || conversation === undefined) return identity;
  const message = explainMissingRight(identity.grants, conversation, "read");
  return message === undefined ? identity : { refusal: { code: "forbidden", message } };
}

/** Acquires a lease for one connection of the user's plan. Returns false where the connection has ended, or is ended here. */
async function lease(
  { leases }: AdmitDeps,
  connection: Connection,
  { user, plan }: Identity,
): Promise<boolean> {
  const { named } = connection;
  const result = await leases.acquire(user, plan.connections, named);
  if (connection.ended) {
    if (result === "taken") leases.release(user, named);
    return false;
  }
  switch (result) {
    case "taken":
      connection.holdsLease = true;
      return true;
    case "replaced":
      connection.onReplaced();
      return false;
    case "full":
      connection.refused(
        "too_many_connections",
        `The plan \`${plan.name}\` allows ${plan.connections} connections of one user at a time.`,
      );
      return false;
    default:
      return result satisfies never;
  }
}
