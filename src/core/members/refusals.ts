import type { ErrorCode } from "../../protocol/errors.ts";
import { type CloseReason, closeReason } from "../session/close-reason.ts";
import type { SpeechRefusal } from "./speech.ts";

/** A request that was refused by the rules of members. */
export interface MemberRefusal {
  readonly code: Extract<ErrorCode, "forbidden" | "banned" | "muted" | "conflict" | "not_found" | "invalid">;
  readonly message: string;
  /** When the mute or ban ends, in milliseconds since 1970. */
  readonly until?: number;
}

/**
 * The refusal for a user who does not belong to a conversation. MUST be the same whether there is such a conversation or not
 * (MB1).
 */
export const NOT_BELONGING: MemberRefusal = {
  code: "forbidden",
  message: "You do not belong to this conversation, or there is none of this name.",
};

/** Returns the refusal of a message as it is sent to its sender. */
export function describeRefusal({ outcome, until }: SpeechRefusal): MemberRefusal {
  const optional = until === undefined ? {} : { until };
  switch (outcome) {
    case "forbidden":
      return NOT_BELONGING;
    case "banned":
      return {
        code: "banned",
        message: `You are banned from this conversation${untilText(until)}.`,
        ...optional,
      };
    case "muted":
      return {
        code: "muted",
        message: `You are muted in this conversation${untilText(until)}.`,
        ...optional,
      };
    default:
      return outcome satisfies never;
  }
}

/** Returns the reason to end a connection whose user may not read its conversation any more. */
export function closeForRefusal({ code, message, until }: MemberRefusal): CloseReason {
  return closeReason(4403, { code, message, ...(until !== undefined && { until }) });
}

function untilText(until: number | undefined): string {
  return until === undefined ? "" : ` until ${new Date(until).toISOString()}`;
}
