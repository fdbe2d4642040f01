// What becomes of the opening of a conversation that was asked about.
import { rejection } from "../members/refusals.ts";
import { type CloseReason, closeReason } from "../session/close-reason.ts";
import type { Verdict } from "./answer.ts";

const UNAVAILABLE: CloseReason = closeReason(
  1013,
  { code: "unavailable", message: "The approval of this server does not answer. Open it again in a moment." },
  1,
);

/** Returns why a conversation is not opened; undefined where it is. */
export function refusalOfOpening(verdict: Verdict): CloseReason | undefined {
  switch (verdict.action) {
    case "accept":
    case "replace":
      return undefined;
    case "reject":
      return closeReason(4403, rejection(verdict.reason));
    case "unavailable":
      return UNAVAILABLE;
    default:
      return verdict satisfies never;
  }
}
