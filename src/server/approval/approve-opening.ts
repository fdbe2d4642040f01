import { refusalOfOpening } from "../../core/approval/opening.ts";
import type { CloseReason } from "../../core/session/close-reason.ts";
import type { MemberGate } from "../members/member-gate.ts";
import type { Approver } from "./approver.ts";

export interface OpeningApproval {
  readonly gate: Pick<MemberGate, "refusalOf">;
  /** Undefined: no opening is asked about. */
  readonly openingApprover?: Pick<Approver, "ask"> | undefined;
}

/** Asks whether a user may open a conversation; returns why it may not. A user who may not read it is refused later, without a question. */
export async function refuseOpening(
  { gate, openingApprover }: OpeningApproval,
  reader: Parameters<MemberGate["refusalOf"]>[0],
): Promise<CloseReason | undefined> {
  if (openingApprover === undefined || (await gate.refusalOf(reader)) !== undefined) return undefined;
  const { conversation, user } = reader;
  return refusalOfOpening(await openingApprover.ask({ type: "open", conversation, user }));
}
