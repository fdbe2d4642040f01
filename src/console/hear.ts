import type { State as LineState, Lost, QuotaNotice } from "../client/connect.ts";
import { describeClose } from "../protocol/close-codes.ts";
import { type ErrorEntry, errorEntry } from "../protocol/errors.ts";
import { MAX_LAST } from "../protocol/limits.ts";
import type { ServerFrameOf } from "../protocol/server-frames.ts";
import type { Effect, Ending, Notice, OpenSession, Refusal, State, Step, TalkEvent } from "./state.ts";
import { beginAnew, confirm, giveUp, lose, refuse, take } from "./transcript.ts";
import { explainError, plain } from "./wording.ts";

/** Messages that come with a conversation, for nothing, and with each "load earlier", which is a request of the quota. */
export const HISTORY_PAGE = MAX_LAST;

/** A line that is back sooner than this, in milliseconds, is not worth a banner. */
const SHORT_CUT = 1000;

/** Close code of a conversation in which nothing was done: the library keeps what waits, and sends it on return. */
const INACTIVE = 4408;

const CUT =
  "The connection ended before the server confirmed it. Sending it again is safe: it is never stored twice.";

/** What the conversation tells makes of the page. */
export function hear(state: State, event: TalkEvent): Step {
  const { session } = state;
  if (session.at !== "open") return still(state);
  switch (event.type) {
    case "status":
      return event.line.state === "closed"
        ? onClosed(state, session, event.line)
        : onStatus(state, session, event.line, event);
    case "present": {
      const typing = session.typing.filter((user) => event.present.some((one) => one.user === user));
      return still({ ...state, session: { ...session, present: event.present, typing } });
    }
    case "typing":
      return still({ ...state, session: withTyping(session, event.user, event.active) });
    // Typing is as the server tells it: thinned, so that an end and a new beginning within a second are not told at all.
    case "message":
      return still({ ...state, transcript: take(state.transcript, [event.message]) });
    case "lost":
      return onLost(state, event.lost, event.newest);
    case "quota":
      return still(onQuota(state, event.quota, event.at));
    case "warning":
      return still(onWarning(state, session, event.warning, event.at));
    case "complaint": {
      const heard = { ...state, session: { ...session, complaint: event.refusal } };
      // Before `welcome` it is why the connection ends; its words are kept for then.
      return still(session.line.state === "connecting" ? heard : complain(heard, event.refusal));
    }
    case "acked":
      return still({ ...state, transcript: confirm(state.transcript, session.user, event.ack) });
    case "refused": {
      const { transcript } = state;
      return still({ ...state, transcript: refuse(transcript, event.id, explainError(event.refusal)) });
    }
    case "page":
      return still(onPage(state, event));
    case "page_refused":
      return still(complain({ ...state, loading: false }, event.refusal));
    case "measured": {
      const { roundTrip } = event;
      const measured = { ...session, measuring: false, ...(roundTrip !== undefined && { roundTrip }) };
      return still({ ...state, session: measured });
    }
    default:
      event satisfies never;
      return still(state);
  }
}

function still(state: State): Step {
  return { state, effects: [] };
}

function onStatus(
  state: State,
  { cut, ...session }: OpenSession,
  line: OpenSession["line"],
  { welcome, present, at }: TalkEvent & { type: "status" },
): Step {
  const inTouch = line.state !== "connecting" && line.state !== "waiting";
  if (!inTouch || welcome === undefined) {
    const { inactiveAt: _gone, complaint, ...rest } = session;
    const lasts = line.state === "waiting" && (line.attempt > 1 || line.until - at > SHORT_CUT);
    // Where the server refused this try in words, such as those of `busy`, they say more.
    const said =
      complaint && lasts && closeOf(complaint) === line.code
        ? plain(complaint.message).split(/\.(?: |$)/)[0]
        : undefined;
    const reason = lasts ? (said ?? line.reason) : cut;
    const away: OpenSession = { ...rest, line, typing: [], ...(reason !== undefined && { cut: reason }) };
    return still({ ...state, session: away });
  }
  const { plan, inactivity, seq } = welcome;
  return still({
    ...state,
    session: { ...session, line, terms: { plan, inactivity }, present },
    transcript: { ...state.transcript, newest: Math.max(seq, state.transcript.newest) },
    // The page that the address asked for comes right after `welcome`.
    loading: state.loading || !state.transcriptOf!.begun,
  });
}

/** What the end of the line makes of the page. */
function onClosed(state: State, session: OpenSession, line: LineState & { state: "closed" }): Step {
  const ending = endingOf(line, session);
  const asleep = line.code === INACTIVE;
  const effects: Effect[] = ending.remedy === "sign_in" ? [{ do: "forget_login", tell: false }] : [];
  return {
    state: {
      ...state,
      session: { at: "closed", user: session.user, ending },
      transcript: asleep ? state.transcript : giveUp(state.transcript, CUT),
      loading: asleep && state.loading,
      notices: [],
    },
    effects,
  };
}

/** A hole is told, never silent (D5). */
function onLost(state: State, lost: Lost, newest: number): Step {
  if ("last" in lost) return still({ ...state, transcript: lose(state.transcript, lost.last) });
  const { transcriptOf, transcript } = state;
  const asks = newest > 0 && !state.loading;
  return {
    state: {
      ...state,
      transcript: beginAnew(transcript, newest),
      ...(transcriptOf && { transcriptOf: { ...transcriptOf, seen: 0 } }),
      loading: asks || state.loading,
    },
    effects: asks ? [{ do: "load", limit: HISTORY_PAGE }] : [],
  };
}

function onPage(state: State, { messages, more }: TalkEvent & { type: "page" }): State {
  let transcript = take(state.transcript, messages);
  // `more: false`: the server holds nothing older (retention, or the first message).
  if (!more) {
    const oldest = messages[0]?.seq ?? transcript.stored[0]?.seq ?? transcript.newest + 1;
    transcript = { ...transcript, first: Math.max(transcript.first, oldest) };
  }
  return { ...state, loading: false, transcript, transcriptOf: { ...state.transcriptOf!, begun: true } };
}

function onQuota({ limitedUntil: _past, ...state }: State, quota: QuotaNotice | null, at: number): State {
  if (quota === null) return { ...state, allowance: null };
  const { limit, remaining, reset, retry_after } = quota;
  const counted = { ...state, allowance: { limit, remaining, fullAt: at + reset * 1000 } };
  if (retry_after === undefined) return counted;
  return {
    ...counted,
    limitedUntil: at + retry_after * 1000,
    // "Few are left" is no longer news.
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
    // The library gets another; where it cannot, the end says so.
    case "token_expiring":
      return state;
    default:
      return notify(state, { code, tone: "warning", text: plain(message) });
  }
}

function withTyping(session: OpenSession, user: string, active: boolean): OpenSession {
  if (session.typing.includes(user) === active || user === session.user) return session;
  const others = session.typing.filter((other) => other !== user);
  return { ...session, typing: active ? [...others, user] : others };
}

function complain(state: State, refusal: Refusal): State {
  return notify(state, { code: refusal.code, tone: "error", text: explainError(refusal) });
}

function notify(state: State, notice: Notice): State {
  return { ...state, notices: [...state.notices.filter((other) => other.code !== notice.code), notice] };
}

function endingOf(
  { code, reason, advice }: LineState & { state: "closed" },
  { complaint, terms }: OpenSession,
): Ending {
  const entry = describeClose(code);
  // A refusal that did not lead here (an invalid frame an hour ago) must not be given as the reason.
  const led = complaint !== undefined && (terms === undefined || closeOf(complaint) === code);
  return {
    code,
    reason: reason || entry.reason,
    advice: plain(entry.advice),
    ...(led && { detail: plain(complaint.message) }),
    remedy: advice === "sign_in" ? "sign_in" : "reconnect",
  };
}

function closeOf({ code }: Refusal): number | undefined {
  return (errorEntry(code as never) as ErrorEntry | undefined)?.close;
}
