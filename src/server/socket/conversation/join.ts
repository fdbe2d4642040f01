import { encodeRecentFrame } from "../../../core/conversation/entry.ts";
import { closeForResends } from "../../../core/conversation/resend-limiter.ts";
import { knowsRemoved, planResume } from "../../../core/conversation/resume.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Quotas } from "../../../core/ports/message-log.ts";
import { REMOVED } from "../../../core/session/close-reason.ts";
import {
  closeForLostMessages,
  type HealthNotices,
  STORE_UNAVAILABLE,
} from "../../../core/session/store-health.ts";
import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import type { Identity } from "../../authentication/authenticate.ts";
import type { Connection } from "../connection.ts";
import { closeWithInternalError } from "../internal-error.ts";
import { type TokenTermDeps, tokenTermOf, writeRefusalOf } from "../token-access.ts";
import { type CatchUpDeps, catchUp, sendPage } from "./catch-up.ts";
import { readFirstPage } from "./first-page.ts";
import type { Reservation } from "./reservation.ts";

export interface JoinDeps extends CatchUpDeps, Pick<TokenTermDeps, "keys"> {
  readonly engine: CatchUpDeps["engine"] & Quotas;
  readonly health: HealthNotices;
  readonly emit: Emit;
  /** In seconds, for the `welcome` frame. */
  readonly inactivity: { readonly timeout: number; readonly warning: number };
}

/** Joins a connection to its conversation, unless the client disconnects meanwhile. */
export async function join(deps: JoinDeps, connection: Connection, identity: Identity): Promise<void> {
  const { engine, hub, inactivity, health, emit } = deps;
  const { member } = connection;
  const { conversation, resume } = member;
  const quota = await engine.quota(identity.user, identity.plan.requestsPerHour);
  using reservation = await hub.reserve(conversation);
  const { head } = reservation;
  if (knowsRemoved(resume, head)) return connection.end(REMOVED);
  const { recentCount } = planResume(resume, head);
  const shown =
    recentCount === undefined ? undefined : await readRecent(deps, connection, reservation, recentCount);
  if (connection.ended) return;
  // From here to the end of this turn of the event loop no message is announced, so none is missed or repeated (D4).
  const { seq: newest, present } = hub.join(reservation, member);
  // Messages that were stored while the first page was read are new, and follow as `message` frames.
  const seq = shown === undefined ? newest : head.seq;
  const { resumed, from, lost, skipped } = planResume(resume, { ...head, seq });
  const missed = hub.goLive(conversation, member, from);
  if (missed === undefined) hub.startCatchUp(conversation, member);
  // It is not needed any more, and would take memory as long as the connection is open.
  member.resume = undefined;
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
    tokenTermOf(deps, identity),
    {
      type: "opened",
      behind: missed === undefined,
      position: from,
      writeRefusal: writeRefusalOf(identity, conversation),
      shown,
    },
  );
  if (health.initialFrame !== undefined) connection.deliver(JSON.stringify(health.initialFrame));
  if (missed !== undefined) sendPage(deps, connection, from + 1, missed);
  else catchUp(deps, connection).catch((error) => closeWithInternalError(emit, connection, error));
}

/** Returns the first page that a client requested, encoded. Where it cannot be sent, ends the connection and returns undefined. */
async function readRecent(
  deps: JoinDeps,
  connection: Connection,
  reservation: Reservation,
  count: number,
): Promise<string | undefined> {
  const { user, member } = connection;
  const { conversation } = member;
  const { head } = reservation;
  const page = await readFirstPage(deps, conversation, head, count);
  if (connection.ended) return undefined;
  if (page === undefined) return void connection.end(STORE_UNAVAILABLE);
  // Messages that the page contains may have been lost since it was read. The client reconnects and gets a new page.
  if (reservation.hasLost) return void connection.end(closeForLostMessages(0));
  const { frames, more } = page;
  const sizes = frames.map((frame) => Buffer.byteLength(frame));
  const first = head.seq - frames.length + 1;
  const wait = deps.resendLimiter.admit(user, conversation, first, sizes, deps.clock.now());
  if (wait > 0) return void connection.end(closeForResends(wait));
  return encodeRecentFrame(frames, more);
}
