// The effects that the steps of a connection and of a membership have in common.
import type { ServerFrame, UserWelcome } from "../../protocol/server-frames.ts";
import type { ConnectionFields, EventFields } from "../events/events.ts";

/** Send one frame. */
export interface SendEffect {
  readonly type: "send";
  readonly frame: ServerFrame | UserWelcome;
}

/** Emit an event. */
export interface NoteEffect {
  readonly type: "note";
  readonly note: SessionLogEvent;
}

/** An event of a connection or a membership; the connection adds its own fields. */
export type SessionLogEvent = {
  readonly [N in SessionEventName]: { readonly event: N } & Omit<EventFields<N>, keyof ConnectionFields>;
}[SessionEventName];

type SessionEventName =
  | "inactivity.warned"
  | "frame.refused"
  | "token.expiring"
  | "token.renewal_refused"
  | "limit.rate"
  | "limit.flooding"
  | "conversation.closed"
  | "connection.timed_out"
  | "connection.closing";

/** No effects; one list for all, since most events have none. */
export const NO_EFFECTS: readonly never[] = [];

/** The effect that sends one frame. */
export function send(frame: ServerFrame | UserWelcome): SendEffect {
  return { type: "send", frame };
}

/** The effect that emits an event. */
export function log(event: SessionLogEvent): NoteEffect {
  return { type: "note", note: event };
}

/** `14 ms`, `1.5 s`, `12 min`: for people; the exact figure stands in a field of its own. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${Math.ceil(milliseconds / 100) / 10} s`;
  return `${Math.ceil(milliseconds / 60_000)} min`;
}
