import type { Clock } from "../../core/clock.ts";
import { REMOVED } from "../../core/closing.ts";
import type { Engine } from "../../core/engine.ts";
import { missingRight } from "../../core/grants.ts";
import { messagesLost, STORE_AWAY, type StoreHealth } from "../../core/health.ts";
import type { ConnectionLeases } from "../../core/leases.ts";
import { type Repeats, repeatedTooMuch } from "../../core/repeats.ts";
import { knowsRemoved, planResume } from "../../core/resume.ts";
import type { Pass } from "../../core/session-state.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { type CredentialParts, identifyCredential, type Presented } from "../authentication/credential.ts";
import type { Identity } from "../authentication/identify.ts";
import type { Log } from "../log.ts";
import { catchUp, feed } from "./catch-up.ts";
import type { Connection } from "./connection.ts";
import type { Entrance, Place } from "./entrance.ts";
import { endFaulty } from "./fault.ts";
import { readFirstPage } from "./first-page.ts";
import { encodeHistory, type Hub, type OpenedHead } from "./hub.ts";

export interface AdmitParts extends CredentialParts {
  readonly leases: ConnectionLeases;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly health: StoreHealth;
  readonly entrance: Entrance;
  readonly repeats: Repeats;
  readonly clock: Clock;
  readonly log: Log;
  /** Seconds, as they are told to the client. */
  readonly inactivity: { readonly timeout: number; readonly warning: number };
}

/**
 * Lets a connection in: who is it, may they, is there a place left, what is going on in the conversation.
 *
 * The client may be gone after each wait. What it took by then, `Connection.closed` has given back.
 */
export function admit(
  parts: AdmitParts,
  connection: Connection,
  presented: Presented,
  place: Place | Promise<Place> = parts.entrance.take(),
): void {
  if (place instanceof Promise) place.then((taken) => admit(parts, connection, presented, taken));
  else
    tryToAdmit(parts, connection, presented)
      .catch((error) => {
        // Whatever failed, failed because of that; in words, and for a moment.
        if (parts.engine.isAway(error)) connection.end(STORE_AWAY);
        else endFaulty(parts.log, connection, error);
      })
      .finally(() => place.leave());
}

/** Puts another token of the same user in the place of the one a connection came with (A2). */
export function renew(parts: AdmitParts, connection: Connection, token: string): void {
  tryToRenew(parts, connection, token).catch((error) => {
    if (!parts.engine.isAway(error)) return endFaulty(parts.log, connection, error);
    // The socket stays (L3): until its token expires, the client can try again.
    const message = "The store cannot be reached now; send the token again in a moment.";
    connection.apply({ type: "renewal_refused", code: "unavailable", message });
  });
}

async function tryToAdmit(parts: AdmitParts, connection: Connection, presented: Presented): Promise<void> {
  if (connection.ended) return;
  const identity = await identifyFor(parts, connection, presented);
  if (connection.ended) return;
  if ("refusal" in identity) return connection.refused(identity.refusal.code, identity.refusal.message);
  connection.identified(identity);

  const { user, plan } = identity;
  const { named } = connection;
  const taking = await parts.leases.take(user, plan.connections, named);
  if (connection.ended) return taking === "taken" ? parts.leases.giveBack(user, named) : undefined;
  if (taking === "replaced") return connection.replaced();
  if (taking === "full") {
    const message = `The plan \`${plan.name}\` allows ${plan.connections} connections of one user at a time.`;
    return connection.refused("too_many_connections", message);
  }
  connection.holdsLease = true;
  await enter(parts, connection, identity);
}

/** Takes a connection that may come in into its conversation, unless it has gone meanwhile. */
async function enter(parts: AdmitParts, connection: Connection, identity: Identity): Promise<void> {
  const { engine, hub, inactivity } = parts;
  const { conversation, resume } = connection;
  const quota = await engine.quota(identity.user, identity.plan.requestsPerHour);
  const head = await hub.open(conversation);
  if (knowsRemoved(resume, head)) {
    hub.giveUp(conversation);
    return connection.end(REMOVED);
  }
  const { shown: count } = planResume(resume, head);
  const shown = count === undefined ? undefined : await readShown(parts, connection, head, count);
  if (connection.ended) return hub.giveUp(conversation);
  // From here to the end of this turn of the event loop nothing is said in the conversation: no seam (D4).
  const { seq: newest, present } = hub.enter(conversation, connection);
  // What was said while the first page was read is news, and follows as `message`.
  const seq = shown === undefined ? newest : head.seq;
  const { resumed, from, lost, skipped } = planResume(resume, { ...head, seq });
  const missed = hub.goLive(conversation, connection, from);
  if (missed === undefined) hub.stayBehind(conversation, connection);
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
    passOf(parts, connection, identity),
    missed === undefined,
    shown,
  );
  if (parts.health.greeting !== undefined) connection.deliver(JSON.stringify(parts.health.greeting));
  if (missed !== undefined) feed(parts, connection, from + 1, missed);
  else {
    catchUp(parts, connection, from).catch((error) => endFaulty(parts.log, connection, error));
  }
}

/** The first page that a client asked for, encoded. Ends the connection, and returns undefined, where it cannot be sent. */
async function readShown(
  parts: AdmitParts,
  connection: Connection,
  head: OpenedHead,
  count: number,
): Promise<string | undefined> {
  const { hub, repeats, clock } = parts;
  const { user, conversation } = connection;
  try {
    const page = await readFirstPage(parts, conversation, head, count);
    if (connection.ended) return undefined;
    if (page === undefined) return void connection.end(STORE_AWAY);
    // What was read may not be what is there now: who comes back reads it again.
    if (hub.hasLost(conversation, head)) return void connection.end(messagesLost(0));
    const { frames, more } = page;
    const sizes = frames.map((frame) => Buffer.byteLength(frame));
    const wait = repeats.send(user, conversation, head.seq - frames.length + 1, sizes, clock.now());
    if (wait > 0) return void connection.end(repeatedTooMuch(wait));
    return encodeHistory(frames, more);
  } catch (error) {
    hub.giveUp(conversation);
    throw error;
  }
}

async function tryToRenew(parts: AdmitParts, connection: Connection, token: string): Promise<void> {
  const identity = await identifyFor(parts, connection, { token });
  if (connection.ended) return;
  if ("refusal" in identity) connection.apply({ type: "renewal_refused", ...identity.refusal });
  else connection.renewed(identity, passOf(parts, connection, identity));
}

/** Who presents this, if it opens the connection's address. */
async function identifyFor(parts: AdmitParts, connection: Connection, presented: Presented) {
  const { conversation } = connection;
  const identity = await identifyCredential(parts, presented, connection);
  if ("refusal" in identity) return identity;
  const message = missingRight(identity.grants, conversation, "read");
  return message === undefined ? identity : { refusal: { code: "forbidden" as const, message } };
}

function passOf(parts: AdmitParts, { conversation }: Connection, identity: Identity): Pass {
  const { clock } = parts;
  return {
    // The leeway that lets a token in lets it stay, too.
    // A token ends at a moment; a connection measures how long that is from now.
    expiresAt: clock.now() + (identity.expiresAt - clock.wall()) + parts.keys.leeway * 1000,
    lifetime: identity.expiresAt - identity.issuedAt,
    writeRefusal: missingRight(identity.grants, conversation, "write"),
  };
}
