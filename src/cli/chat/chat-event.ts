import type { Advice, Lost, Message, PresentUser, Quota, State } from "../../client/connect.ts";
import type { Ack } from "../../client/conversation.ts";
import type { Fault } from "../../core/faults.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";

/** Where the connection stands, in the words of docs/CLIENT.md. `until` is milliseconds since 1970. */
export interface StatusEvent {
  readonly type: "status";
  readonly state: State["state"];
  /** Where it stood before. */
  readonly previous?: State["state"];
  readonly reason?: string;
  readonly until?: number;
  readonly code?: number;
  readonly advice?: Advice;
}

/** Everything that a chat tells: with `--json` one object a line, and otherwise in words. */
export type ChatEvent =
  /** `own`: said by this program, and not by the same user elsewhere. */
  | ({ readonly type: "message"; readonly own?: true } & Message)
  /** `milliseconds`: from the first sending to the ack. */
  | ({ readonly type: "ack"; readonly milliseconds: number } & Ack)
  /** `code`: one of docs/ERRORS.md or docs/CLIENT.md, or `failed` where something else went wrong. */
  | { readonly type: "refused"; readonly id?: string; readonly code: string; readonly message: string }
  | ServerFrameOf<"presence" | "typing" | "read" | "warning">
  | ({ readonly type: "welcome" } & Pick<
      ServerFrameOf<"welcome">,
      "user" | "conversation" | "seq" | "plan" | "quota" | "present"
    >)
  | { readonly type: "history"; readonly messages: readonly Message[]; readonly more: boolean }
  | { readonly type: "present"; readonly present: readonly PresentUser[] }
  | { readonly type: "quota"; readonly plan: string; readonly quota: Quota | null }
  | { readonly type: "pong"; readonly milliseconds: number }
  | { readonly type: "fault"; readonly fault: Fault }
  /** The plan has no room: what was said is sent again after so many seconds. */
  | { readonly type: "over_quota"; readonly retry_after: number; readonly limit: number }
  | ({ readonly type: "lost" } & Lost)
  /** The connection is back; `caught_up`: how many messages came that were said meanwhile; `milliseconds` without it. */
  | {
      readonly type: "resumed";
      readonly caught_up: number;
      readonly lost: boolean;
      readonly milliseconds: number;
    }
  | StatusEvent;

/** The state of a connection as it is told. */
export function statusEvent(state: State, previous: State["state"] | undefined): StatusEvent {
  const { state: now } = state;
  const status = { type: "status", state: now, ...(previous !== undefined && { previous }) } as const;
  if (now === "waiting")
    return { ...status, code: state.code, reason: state.reason, until: Math.round(state.until) };
  if (now === "closed") return { ...status, code: state.code, reason: state.reason, advice: state.advice };
  return now === "degraded" ? { ...status, reason: state.reason } : status;
}
