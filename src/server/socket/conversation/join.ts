import type { Emit } from "../../../core/events/events.ts";
import { openedFacts } from "../../../core/members/facts-reply.ts";
import type { Quotas } from "../../../core/ports/message-log.ts";
import type { HealthNotices } from "../../../core/session/store-health.ts";
import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import { type OpeningApproval, refuseOpening } from "../../approval/approve-opening.ts";
import type { Identity } from "../../authentication/authenticate.ts";
import type { Connection } from "../connection.ts";
import { closeWithInternalError } from "../internal-error.ts";
import { type LimitSettings, limitsOf } from "../session-rules.ts";
import { type TokenTermDeps, tokenTermOf, writeRefusalOf } from "../token-access.ts";
import type { CatchUpDeps } from "./catch-up.ts";
import { enterRoom, follow, prepareEntry } from "./enter.ts";
import type { SoleMember } from "./sole-member.ts";

export interface JoinDeps extends CatchUpDeps, Pick<TokenTermDeps, "keys">, Omit<OpeningApproval, "gate"> {
  readonly engine: CatchUpDeps["engine"] & Quotas;
  readonly health: HealthNotices;
  readonly emit: Emit;
  /** In seconds, for the `welcome` frame. */
  readonly inactivity: { readonly timeout: number; readonly warning: number };
  readonly limits: LimitSettings;
}

/** Joins the socket of one conversation to it, unless the client disconnects meanwhile. */
export async function join(
  deps: JoinDeps,
  connection: Connection,
  member: SoleMember,
  identity: Identity,
): Promise<void> {
  const { engine, hub, inactivity, limits, health, clock, emit } = deps;
  const { conversation } = member;
  if (deps.openingApprover !== undefined) {
    const refusal = await refuseOpening(deps, member);
    if (connection.ended) return;
    if (refusal !== undefined) return connection.end(refusal);
  }
  const quota = await engine.quota(identity.user, identity.plan.requestsPerHour);
  using reservation = await hub.reserve(conversation, identity.user);
  const prepared = await prepareEntry(deps, member, reservation);
  if (connection.ended) return;
  if ("refusal" in prepared) return connection.end(prepared.refusal);
  const plan = connection.plan ?? identity.plan;
  const entered = enterRoom(deps, member, reservation, prepared);
  const { seq, rev, epoch, resumed, lost, skipped, present, present_count, shown, from } = entered;
  connection.admitted(
    {
      type: "welcome",
      connection: connection.id,
      conversation,
      user: identity.user,
      plan: plan.name,
      seq,
      rev,
      epoch,
      resumed,
      ...(entered.folds.tooMany && { reread: true as const }),
      // Most conversations have no facts, and then anyone may use them.
      ...(prepared.view.facts !== undefined && openedFacts(prepared.view, identity.user)),
      ...(lost !== undefined && { lost }),
      ...(skipped !== undefined && { skipped }),
      quota,
      limits: limitsOf(limits, plan),
      inactivity,
      present,
      present_count,
      at: clock.wall(),
      server: { name: "parley", protocol: PROTOCOL_VERSION },
    },
    tokenTermOf(deps, identity),
    {
      type: "opened",
      behind: entered.missed === undefined,
      position: from,
      writeRefusal: writeRefusalOf(identity, conversation),
      shown,
    },
  );
  if (health.initialFrame !== undefined) connection.deliver(JSON.stringify(health.initialFrame));
  follow(deps, member, entered).catch((error) => closeWithInternalError(emit, connection, error));
}
