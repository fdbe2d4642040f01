import { explainMissingRight } from "../../core/access/grants.ts";
import { encodeRecentFrame } from "../../core/conversation/entry.ts";
import { closeForResends, type ResendLimiter } from "../../core/conversation/resend-limiter.ts";
import { knowsRemoved, planResume } from "../../core/conversation/resume.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { ConnectionLeases } from "../../core/ports/leases.ts";
import type { MessageLog, Quotas } from "../../core/ports/message-log.ts";
import type { StoreHealth } from "../../core/ports/store-health.ts";
import { REMOVED } from "../../core/session/close-reason.ts";
import type { TokenAccess } from "../../core/session/state.ts";
import {
  closeForLostMessages,
  type HealthNotices,
  STORE_UNAVAILABLE,
} from "../../core/session/store-health.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Identity } from "../authentication/authenticate.ts";
import {
  authenticateCredential,
  type CredentialDeps,
  type PresentedCredential,
} from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { AdmissionQueue } from "./admission-queue.ts";
import type { Connection } from "./connection.ts";
import { catchUp, sendPage } from "./conversation/catch-up.ts";
import { readFirstPage } from "./conversation/first-page.ts";
import type { Hub, OpenedHead } from "./conversation/hub.ts";
import { closeWithInternalError } from "./internal-error.ts";

export interface AdmitDeps extends CredentialDeps {
  readonly leases: ConnectionLeases;
  readonly engine: Pick<MessageLog, "page"> & Quotas & Pick<StoreHealth, "isUnavailable">;
  readonly hub: Hub;
  readonly health: HealthNotices;
  readonly admissionQueue: AdmissionQueue;
  readonly resendLimiter: ResendLimiter;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Seconds, as they are told to the client. */
  readonly inactivity: { readonly timeout: number; readonly warning: number };
}

/**
 * Lets a connection in: who is it, may they, is there a place left, what is going on in the conversation.
 *
 * The client may be gone after each wait. What it took by then, `Connection.closed` has given back.
 */
export function admit(
  parts: AdmitDeps,
  connection: Connection,
  presented: PresentedCredential,
  permit: Permit | Promise<Permit> = parts.admissionQueue.acquire(),
): void {
  if (permit instanceof Promise) permit.then((acquired) => admit(parts, connection, presented, acquired));
  else
    tryToAdmit(parts, connection, presented)
      .catch((error) => {
        // Whatever failed, failed because of that; in words, and for a moment.
        if (parts.engine.isUnavailable(error)) connection.end(STORE_UNAVAILABLE);
        else closeWithInternalError(parts.emit, connection, error);
      })
      .finally(() => permit.release());
}

/** Puts another token of the same user in the place of the one a connection came with (A2). */
export function renew(parts: AdmitDeps, connection: Connection, token: string): void {
  tryToRenew(parts, connection, token).catch((error) => {
    if (!parts.engine.isUnavailable(error)) return closeWithInternalError(parts.emit, connection, error);
    // The socket stays (L3): until its token expires, the client can try again.
    const message = "The store cannot be reached now; send the token again in a moment.";
    connection.apply({ type: "renewal_refused", code: "unavailable", message });
  });
}

async function tryToAdmit(
  parts: AdmitDeps,
  connection: Connection,
  presented: PresentedCredential,
): Promise<void> {
  if (connection.ended) return;
  const identity = await authenticateFor(parts, connection, presented);
  if (connection.ended) return;
  if ("refusal" in identity) return connection.refused(identity.refusal.code, identity.refusal.message);
  connection.authenticated(identity);

  const { user, plan } = identity;
  const { named } = connection;
  const lease = await parts.leases.acquire(user, plan.connections, named);
  if (connection.ended) return lease === "taken" ? parts.leases.release(user, named) : undefined;
  if (lease === "replaced") return connection.onReplaced();
  if (lease === "full") {
    const message = `The plan \`${plan.name}\` allows ${plan.connections} connections of one user at a time.`;
    return connection.refused("too_many_connections", message);
  }
  connection.holdsLease = true;
  await join(parts, connection, identity);
}

/** Takes a connection that may come in into its conversation, unless it has gone meanwhile. */
async function join(parts: AdmitDeps, connection: Connection, identity: Identity): Promise<void> {
  const { engine, hub, inactivity } = parts;
  const { conversation, resume } = connection;
  const quota = await engine.quota(identity.user, identity.plan.requestsPerHour);
  const head = await hub.reserve(conversation);
  if (knowsRemoved(resume, head)) {
    hub.release(conversation);
    return connection.end(REMOVED);
  }
  const { recentCount: count } = planResume(resume, head);
  const shown = count === undefined ? undefined : await readRecent(parts, connection, head, count);
  if (connection.ended) return hub.release(conversation);
  // From here to the end of this turn of the event loop nothing is said in the conversation: no seam (D4).
  const { seq: newest, present } = hub.join(conversation, connection);
  // What was said while the first page was read is news, and follows as `message`.
  const seq = shown === undefined ? newest : head.seq;
  const { resumed, from, lost, skipped } = planResume(resume, { ...head, seq });
  const missed = hub.goLive(conversation, connection, from);
  if (missed === undefined) hub.startCatchUp(conversation, connection);
  connection.admitted(
    {
      type: "welcome",
      connection: connection.id,
      conversation,
      user: identity.user,
      plan: connection.plan?.name ?? identity.plan.name,
      seq,
      epoch: head.epoch,
      resumed,
      ...(lost !== undefined && { lost }),
      ...(skipped !== undefined && { skipped }),
      quota,
      inactivity,
      present,
      server: { name: "parley", protocol: PROTOCOL_VERSION },
    },
    tokenAccessOf(parts, connection, identity),
    missed === undefined,
    shown,
  );
  if (parts.health.initialFrame !== undefined) connection.deliver(JSON.stringify(parts.health.initialFrame));
  if (missed !== undefined) sendPage(parts, connection, from + 1, missed);
  else {
    catchUp(parts, connection, from).catch((error) => closeWithInternalError(parts.emit, connection, error));
  }
}

/** The first page that a client asked for, encoded. Ends the connection, and returns undefined, where it cannot be sent. */
async function readRecent(
  parts: AdmitDeps,
  connection: Connection,
  head: OpenedHead,
  count: number,
): Promise<string | undefined> {
  const { hub, resendLimiter: repeats, clock } = parts;
  const { user, conversation } = connection;
  try {
    const page = await readFirstPage(parts, conversation, head, count);
    if (connection.ended) return undefined;
    if (page === undefined) return void connection.end(STORE_UNAVAILABLE);
    // What was read may not be what is there now: who comes back reads it again.
    if (hub.hasLost(conversation, head)) return void connection.end(closeForLostMessages(0));
    const { frames, more } = page;
    const sizes = frames.map((frame) => Buffer.byteLength(frame));
    const wait = repeats.admit(user, conversation, head.seq - frames.length + 1, sizes, clock.now());
    if (wait > 0) return void connection.end(closeForResends(wait));
    return encodeRecentFrame(frames, more);
  } catch (error) {
    hub.release(conversation);
    throw error;
  }
}

async function tryToRenew(parts: AdmitDeps, connection: Connection, token: string): Promise<void> {
  const identity = await authenticateFor(parts, connection, { token });
  if (connection.ended) return;
  if ("refusal" in identity) connection.apply({ type: "renewal_refused", ...identity.refusal });
  else connection.renewed(identity, tokenAccessOf(parts, connection, identity));
}

/** Who presents this, if it opens the connection's address. */
async function authenticateFor(parts: AdmitDeps, connection: Connection, presented: PresentedCredential) {
  const { conversation } = connection;
  const identity = await authenticateCredential(parts, presented, connection);
  if ("refusal" in identity) return identity;
  const message = explainMissingRight(identity.grants, conversation, "read");
  return message === undefined ? identity : { refusal: { code: "forbidden" as const, message } };
}

function tokenAccessOf(parts: AdmitDeps, { conversation }: Connection, identity: Identity): TokenAccess {
  const { clock } = parts;
  return {
    // The leeway that lets a token in lets it stay, too.
    // A token ends at a moment; a connection measures how long that is from now.
    expiresAt: clock.now() + (identity.expiresAt - clock.wall()) + parts.keys.leeway * 1000,
    lifetime: identity.expiresAt - identity.issuedAt,
    writeRefusal: explainMissingRight(identity.grants, conversation, "write"),
  };
}
