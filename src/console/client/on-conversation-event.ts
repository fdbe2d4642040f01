import { describeClose } from "../../protocol/close-codes.ts";
import { type ErrorEntry, errorEntry } from "../../protocol/errors.ts";
import { MAX_LAST } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { explainError, withoutBackticks } from "../format.ts";
import type { State as ConnectionState, Lost, QuotaNotice } from "./one/connect.ts";
import type {
  CloseInfo,
  ConversationEvent,
  Effect,
  Notice,
  OpenSession,
  State,
  Step,
  UserFacingError,
} from "./state.ts";
import { applyMessages, confirm, markFailed, markLost, markRefused, resetTranscript } from "./transcript.ts";

/** Messages loaded when a conversation opens, without charge, and with each "load earlier", which costs a request. */
export const HISTORY_PAGE = MAX_LAST;

/** How long a connection must be lost before a banner is shown, in milliseconds. */
const OUTAGE_BANNER_AFTER_MS = 1000;

/** Close code for inactivity: the library keeps pending messages, and sends them when the conversation opens again. */
const INACTIVE = 4408;

const UNCONFIRMED =
  "The connection ended before the server confirmed it. Sending it again is safe: it is never stored twice.";

/** Returns the state of the page after an event of the conversation. */
export function onConversationEvent(state: State, event: ConversationEvent): Step {
  const { session } = state;
  if (session.state !== "open") return unchanged(state);
  switch (event.type) {
    case "status":
      return event.connection.state === "closed"
        ? onClosed(state, session, event.connection)
        : onStatus(state, session, event.connection, event);
    case "present": {
      const isShown = (user: string) => event.present.some((one) => one.user === user);
      const typing = event.presentCount === undefined ? session.typing.filter(isShown) : session.typing;
      return unchanged({ ...state, session: { ...withPresent(session, event), typing } });
    }
    case "typing":
      return unchanged({ ...state, session: withTyping(session, event.user, event.active) });
    // The server throttles typing: an end and a new start within a second are not sent at all.
    case "message":
      return unchanged({ ...state, transcript: applyMessages(state.transcript, [event.message]) });
    case "lost":
      return onLost(state, event.lost, event.newest);
    case "quota":
      return unchanged(onQuota(state, event.quota, event.at));
    case "warning":
      return unchanged(onWarning(state, session, event.warning, event.at));
    case "complaint": {
      const withError = { ...state, session: { ...session, connectionError: event.refusal } };
      // Before `welcome`, an error is the reason for the close that follows; keep its text.
      return unchanged(
        session.connection.state === "connecting" ? withError : notifyError(withError, event.refusal),
      );
    }
    case "acked":
      return unchanged({ ...state, transcript: confirm(state.transcript, session.user, event.ack) });
    case "refused": {
      const { transcript } = state;
      return unchanged({
        ...state,
        transcript: markRefused(transcript, event.id, explainError(event.refusal)),
      });
    }
    case "page":
      return unchanged(onPage(state, event));
    case "page_refused":
      return unchanged(notifyError({ ...state, loading: false }, event.refusal));
    case "measured": {
      const { roundTrip } = event;
      const measured = { ...session, measuring: false, ...(roundTrip !== undefined && { roundTrip }) };
      return unchanged({ ...state, session: measured });
    }
    default:
      event satisfies never;
      return unchanged(state);
  }
}

function unchanged(state: State): Step {
  return { state, effects: [] };
}

function onStatus(
  state: State,
  { outage, ...session }: OpenSession,
  connection: OpenSession["connection"],
  { welcome, at, ...event }: ConversationEvent & { type: "status" },
): Step {
  const isConnected = connection.state !== "connecting" && connection.state !== "waiting";
  if (!isConnected || welcome === undefined) {
    const { inactiveAt: _gone, connectionError, ...rest } = session;
    const lasts =
      connection.state === "waiting" &&
      (connection.attempt > 1 || connection.until - at > OUTAGE_BANNER_AFTER_MS);
    // An error text of the server for this attempt, such as that of `busy`, is more precise.
    const serverReason =
      connectionError && lasts && closeOf(connectionError) === connection.code
        ? withoutBackticks(connectionError.message).split(/\.(?: |$)/)[0]
        : undefined;
    const reason = lasts ? (serverReason ?? connection.reason) : outage;
    const disconnected: OpenSession = {
      ...rest,
      connection,
      typing: [],
      ...(reason !== undefined && { outage: reason }),
    };
    return unchanged({ ...state, session: disconnected });
  }
  const { plan, inactivity, seq } = welcome;
  return unchanged({
    ...state,
    session: { ...withPresent(session, event), connection, terms: { plan, inactivity } },
    transcript: { ...state.transcript, newest: Math.max(seq, state.transcript.newest) },
    // The first page, which the URL requested, arrives right after `welcome`.
    loading: state.loading || !state.transcriptOf!.isLoaded,
  });
}

/** Returns the state of the page after the connection is closed. */
function onClosed(
  state: State,
  session: OpenSession,
  connection: ConnectionState & { state: "closed" },
): Step {
  const closeInfo = closeInfoOf(connection, session);
  const isIdleClosed = connection.code === INACTIVE;
  const effects: Effect[] = closeInfo.remedy === "sign_in" ? [{ type: "forget_login", revoke: false }] : [];
  return {
    state: {
      ...state,
      session: { state: "closed", user: session.user, closeInfo },
      transcript: isIdleClosed ? state.transcript : markFailed(state.transcript, UNCONFIRMED),
      loading: isIdleClosed && state.loading,
      notices: [],
    },
    effects,
  };
}

/** Reports lost messages: a gap is never silent (D5). */
function onLost(state: State, lost: Lost, newest: number): Step {
  if ("last" in lost) return unchanged({ ...state, transcript: markLost(state.transcript, lost.last) });
  const { transcriptOf, transcript } = state;
  const mustLoad = newest > 0 && !state.loading;
  return {
    state: {
      ...state,
      transcript: resetTranscript(transcript, newest),
      ...(transcriptOf && { transcriptOf: { ...transcriptOf, seen: 0 } }),
      loading: mustLoad || state.loading,
    },
    effects: mustLoad ? [{ type: "load", limit: HISTORY_PAGE }] : [],
  };
}

function onPage(state: State, { messages, more }: ConversationEvent & { type: "page" }): State {
  let transcript = applyMessages(state.transcript, messages);
  // `more: false`: the server has no older messages (retention, or the first message).
  if (!more) {
    const oldest = messages[0]?.seq ?? transcript.stored[0]?.seq ?? transcript.newest + 1;
    transcript = { ...transcript, first: Math.max(transcript.first, oldest) };
  }
  return { ...state, loading: false, transcript, transcriptOf: { ...state.transcriptOf!, isLoaded: true } };
}

function onQuota({ limitedUntil: _past, ...state }: State, quota: QuotaNotice | null, at: number): State {
  if (quota === null) return { ...state, usage: null };
  const { limit, remaining, reset, retry_after } = quota;
  const counted = { ...state, usage: { limit, remaining, fullAt: at + reset * 1000 } };
  if (retry_after === undefined) return counted;
  return {
    ...counted,
    limitedUntil: at + retry_after * 1000,
    // Drop the warning about few remaining requests.
    notices: state.notices.filter((notice) => notice.code !== "quota_low"),
  };
}

function onWarning(
  state: State,
  session: OpenSession,
  { code, message, seconds }: Omit<ServerFrameOf<"warning">, "type">,
  at: number,
): State {
  switch (code) {
    case "inactivity": {
      const inactiveAt = at + (seconds ?? session.terms?.inactivity.warning ?? 0) * 1000;
      return { ...state, session: { ...session, inactiveAt } };
    }
    // The library renews the token; if that fails, the close is shown.
    case "token_expiring":
      return state;
    default:
      return notify(state, { code, severity: "warning", text: withoutBackticks(message) });
  }
}

function withPresent(
  { presentCount: _past, ...session }: OpenSession,
  { present, presentCount }: Pick<OpenSession, "present" | "presentCount">,
): OpenSession {
  return { ...session, present, ...(presentCount !== undefined && { presentCount }) };
}

function withTyping(session: OpenSession, user: string, active: boolean): OpenSession {
  if (session.typing.includes(user) === active || user === session.user) return session;
  const others = session.typing.filter((other) => other !== user);
  return { ...session, typing: active ? [...others, user] : others };
}

function notifyError(state: State, refusal: UserFacingError): State {
  return notify(state, { code: refusal.code, severity: "error", text: explainError(refusal) });
}

function notify(state: State, notice: Notice): State {
  return { ...state, notices: [...state.notices.filter((other) => other.code !== notice.code), notice] };
}

function closeInfoOf(
  { code, reason, advice }: ConnectionState & { state: "closed" },
  { connectionError, terms }: OpenSession,
): CloseInfo {
  const entry = describeClose(code);
  // An unrelated earlier error (an invalid frame an hour ago) must not be shown as the reason.
  const led = connectionError !== undefined && (terms === undefined || closeOf(connectionError) === code);
  return {
    code,
    reason: reason || entry.reason,
    advice: withoutBackticks(entry.advice),
    ...(led && { detail: withoutBackticks(connectionError.message) }),
    remedy: advice === "sign_in" ? "sign_in" : "reconnect",
  };
}

function closeOf({ code }: UserFacingError): number | undefined {
  return (errorEntry(code as never) as ErrorEntry | undefined)?.close;
}
