import type { ErrorCode } from "../../protocol/errors.ts";
import type { Busy, IdInUse, Rejected } from "../ports/message-log.ts";
import { type CloseReason, closeReason } from "../session/close-reason.ts";
import type { SpeechRefusal } from "./speech.ts";

/** A request that was refused by the rules of members. */
export interface MemberRefusal {
  readonly code: Extract<
    ErrorCode,
    "forbidden" | "banned" | "muted" | "conflict" | "not_found" | "invalid" | "rejected" | "busy"
  >;
  readonly message: string;
  /** Why the operator's approval refused it. */
  readonly reason?: string;
  /** When the same request will be accepted, in seconds. */
  readonly retry_after?: number;
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

/** The refusal for a sender to whom nothing is hidden. */
export const NOT_FOUND: MemberRefusal = {
  code: "not_found",
  message: "There is no conversation of this name.",
};

/** The refusal for a banned user of a conversation of `anyone`; `until` is when the ban ends. */
export function bannedRefusal(until: number | undefined): MemberRefusal {
  return {
    code: "banned",
    message: `You are banned from this conversation${untilText(until)}.`,
    ...(until !== undefined && { until }),
  };
}

/** A request that the sender's role does not allow. */
export function forbidden(message: string): MemberRefusal {
  return { code: "forbidden", message };
}

/** What a request is answered that names another epoch than the conversation has. */
export const OTHER_EPOCH =
  "The conversation has another `epoch`: forget what you know of `seq`, and read it again.";

/** What a request is answered whose `id` names something else. */
export const ID_IN_USE =
  "This `id` names something else that you have sent to this conversation. Use another one.";

/** A request that assumes what is not so. */
export function conflict(message: string): MemberRefusal {
  return { code: "conflict", message };
}

/** The refusal of what the operator's approval does not allow. */
export function rejection(reason: string | undefined): MemberRefusal {
  return {
    code: "rejected",
    message: "The approval of this server refused it.",
    ...(reason !== undefined && { reason }),
  };
}

const BUSY: MemberRefusal = {
  code: "busy",
  message: "Too many of your requests wait for approval in this conversation. Send this one again later.",
  retry_after: 1,
};

/** Returns the refusal of a message as it is sent to its sender. */
export function describeRefusal(refused: SpeechRefusal | IdInUse | Rejected | Busy): MemberRefusal {
  if (refused.outcome === "id_in_use") return conflict(ID_IN_USE);
  if (refused.outcome === "rejected") return rejection(refused.reason);
  if (refused.outcome === "busy") return BUSY;
  const { outcome, until } = refused;
  switch (outcome) {
    case "forbidden":
      return NOT_BELONGING;
    case "banned":
      return bannedRefusal(until);
    case "muted":
      return {
        code: "muted",
        message: `You are muted in this conversation${untilText(until)}.`,
        ...(until !== undefined && { until }),
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
