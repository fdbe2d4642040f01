import type {
  Ack,
  Advice,
  Change,
  HistoryPage,
  Lost,
  Message,
  PresentUser,
  Quota,
} from "../../client/index.ts";
import type { Fault } from "../../core/faults.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { ChatState } from "./chat-state.ts";

/** The state of the chat. `until` is in milliseconds since 1970; `code` is a close code, or an error of docs/ERRORS.md. */
export interface StatusEvent {
  readonly type: "status";
  readonly state: ChatState["state"];
  /** The state before. */
  readonly previous?: ChatState["state"];
  readonly reason?: string;
  readonly until?: number;
  readonly code?: number | string;
  readonly advice?: Advice;
}

/** The number of present users, where `present` has only some of them. */
interface PresentCount {
  readonly present_count?: number;
}

/** What this program has asked for, where it is not a message. */
export type ChangeKind = "edit" | "erase" | "react";

/** An event of a chat: printed as one JSON object per line with `--json`, otherwise as text. */
export type ChatEvent =
  /** `own`: sent by this program, not by the same user elsewhere. */
  | ({ readonly type: "message"; readonly own?: true } & Message)
  /** A message was edited, erased or reacted to. */
  | ({ readonly type: "change" } & Change)
  /** `milliseconds`: from the first attempt to the ack; `change`: what was acked, if it is no message. */
  | ({ readonly type: "ack"; readonly milliseconds: number; readonly change?: ChangeKind } & Ack)
  /** `code`: one of docs/ERRORS.md or docs/CLIENT.md, or `failed` for any other error. `change` and `seq`: what was to be changed. */
  | {
      readonly type: "refused";
      readonly id?: string;
      readonly change?: ChangeKind;
      readonly seq?: number;
      readonly code: string;
      readonly message: string;
    }
  | ServerFrameOf<"presence" | "typing" | "read" | "warning">
  | ({
      readonly type: "welcome";
      readonly user: string;
      readonly conversation: string;
      readonly seq: number;
      readonly plan: string;
      readonly quota: Quota | null;
      readonly present: readonly PresentUser[];
    } & PresentCount)
  | ({ readonly type: "history" } & HistoryPage)
  | ({ readonly type: "present"; readonly present: readonly PresentUser[] } & PresentCount)
  | { readonly type: "presence_count"; readonly count: number }
  | { readonly type: "quota"; readonly plan: string; readonly quota: Quota | null }
  | { readonly type: "pong"; readonly milliseconds: number }
  | { readonly type: "fault"; readonly fault: Fault }
  /** The quota is used up: pending messages are sent again after so many seconds. */
  | { readonly type: "over_quota"; readonly retry_after: number; readonly limit: number }
  | ({ readonly type: "lost" } & Lost)
  /** The connection is back. `caught_up`: how many missed messages were received; `milliseconds`: how long it was lost. */
  | {
      readonly type: "resumed";
      readonly caught_up: number;
      readonly lost: boolean;
      readonly milliseconds: number;
    }
  | StatusEvent;

/** Returns the event for a state of the connection. */
export function statusEvent(state: ChatState, previous: ChatState["state"] | undefined): StatusEvent {
  const { state: current } = state;
  const status = { type: "status", state: current, ...(previous !== undefined && { previous }) } as const;
  if (current === "waiting")
    return { ...status, code: state.code, reason: state.reason, until: Math.round(state.until) };
  if (current === "closed")
    return { ...status, code: state.code, reason: state.reason, advice: state.advice };
  return current === "degraded" ? { ...status, reason: state.reason } : status;
}
