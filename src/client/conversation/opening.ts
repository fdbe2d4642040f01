// The states of a conversation on the line:
//
//          a use               opened                        all missed messages received
//   idle ────────▶ opening ────────────▶ resuming ─────────────────────────────────────▶ live
//    ▲              ▲    ▲ line lost        │ line lost, or a `closed` that says so           │
//    │ unused       │    └─────────────────┴─────────────────────────────────────────────────┤
//   (everywhere)    └──── waiting ◀──── a refusal or `closed` with `retry_after` ◀────────────┤
//                          a place is free, reconnect()                                       ▼
//                   ◀──────────────────────────────────── closed ◀─── any other refusal or `closed`
import { backoff } from "../line/backoff.ts";

/** The state of a conversation on the line. `until` is in milliseconds since 1970, for display. */
export type ConversationStatus =
  /** Nothing uses it. `opening`: the line is awaited, or the server's answer. */
  | { readonly state: "idle" | "opening" | "resuming" | "live" }
  /** The server could not open it now, or closed it for a while; it is opened again at `until`. */
  | { readonly state: "waiting"; readonly until: number; readonly code: string; readonly reason: string }
  /**
   * Refused: `code` is one of docs/ERRORS.md. `too_many_conversations` opens when a place is free. `until`: when a ban ends; undefined
   * where it has no end.
   */
  | {
      readonly state: "closed";
      readonly code: string;
      readonly reason: string;
      readonly until?: number | undefined;
    };

/** Why the server refused to open a conversation, or closed it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** Seconds. */
  readonly retry_after?: number | undefined;
  /** When a ban ends, or the conversation is opened again, in milliseconds since 1970; undefined where that is not known. */
  readonly until?: number | undefined;
}

export type OpeningEvent =
  | { readonly type: "use" }
  | { readonly type: "unuse" }
  | { readonly type: "line_up" }
  | { readonly type: "line_down" }
  /** `behind`: missed messages are still to come. */
  | { readonly type: "opened"; readonly behind: boolean }
  | { readonly type: "progress"; readonly behind: boolean }
  /** The answer to `open` was an error. */
  | { readonly type: "refused"; readonly refusal: Refusal }
  /** A `closed` frame; without a refusal it answers a `close`. */
  | { readonly type: "closed"; readonly refusal?: Refusal | undefined }
  | { readonly type: "timer" }
  /** Another conversation was closed: one more may be open. */
  | { readonly type: "place_free" }
  /** The application called `reconnect()`. */
  | { readonly type: "retry" };

export type OpeningEffect =
  | { readonly type: "open" }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly milliseconds: number };

export interface OpeningStep {
  readonly status: ConversationStatus;
  readonly effects: readonly OpeningEffect[];
}

export const UNUSED: ConversationStatus = { state: "idle" };

const OPENING: OpeningStep = { status: { state: "opening" }, effects: [{ type: "open" }] };

const TOO_MANY = "too_many_conversations";

/** Refusals without `retry_after` that end by themselves. */
const PASSING = ["behind", "new_epoch", "unavailable", "internal"];

/** One step of a conversation on the line: returns the status after `event` at `now` (milliseconds since 1970), and the effects. */
export function openingStep(
  status: ConversationStatus,
  event: OpeningEvent,
  now: number,
  random: number,
): OpeningStep {
  const unchanged = { status, effects: [] };
  const { state } = status;
  const isOpen = state === "resuming" || state === "live";
  const isWanted = state !== "idle";
  switch (event.type) {
    case "use":
      return isWanted && state !== "closed" ? unchanged : OPENING;
    case "unuse":
      return { status: UNUSED, effects: isOpen || state === "opening" ? [{ type: "close" }] : [] };
    case "retry":
      return state === "closed" || state === "waiting" ? OPENING : unchanged;
    case "line_up":
      return isWanted && (state !== "closed" || status.code === TOO_MANY) ? OPENING : unchanged;
    case "line_down":
      return isWanted && state !== "closed" ? { status: { state: "opening" }, effects: [] } : unchanged;
    case "timer":
      return state === "waiting" ? OPENING : unchanged;
    case "place_free":
      return state === "closed" && status.code === TOO_MANY ? OPENING : unchanged;
    case "opened":
    case "progress": {
      if (!isOpen && (event.type === "progress" || state !== "opening")) return unchanged;
      const next = event.behind ? "resuming" : "live";
      return next === state ? unchanged : { status: { state: next }, effects: [] };
    }
    case "refused":
      return state === "opening" ? refuse(event.refusal, now, random) : unchanged;
    default:
      // While it is being opened, the frame is about the opening before.
      if (!isOpen) return unchanged;
      return event.refusal === undefined ? OPENING : refuse(event.refusal, now, random);
  }
}

function refuse(
  { code, message: reason, retry_after, until }: Refusal,
  now: number,
  random: number,
): OpeningStep {
  const isPassing = code !== TOO_MANY && (retry_after !== undefined || PASSING.includes(code));
  if (!isPassing) return { status: { state: "closed", code, reason, until }, effects: [] };
  const milliseconds = retry_after === undefined ? backoff(0, random) : retry_after * 1000;
  return {
    status: { state: "waiting", until: now + milliseconds, code, reason },
    effects: [{ type: "wait", milliseconds }],
  };
}
