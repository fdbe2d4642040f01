import { describeClose } from "../protocol/close-codes.ts";
import { type ErrorEntry, errorEntry } from "../protocol/errors.ts";
import type { Member, Quota, ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import type { Allowance, Effect, Ending, Farewell, Notice, OpenSession, State, Step } from "./state.ts";
import { confirm, EMPTY_TRANSCRIPT, giveUp, refuse, take } from "./transcript.ts";
import { explainError, plain } from "./wording.ts";

/** Messages asked for when a conversation is opened, and with each "load earlier". One request of the quota. */
export const HISTORY_PAGE = 50;

/** The widest gap that is filled after a reconnect: as many as one `history` answer holds. */
const WIDEST_GAP = 200;

const CUT =
  "The connection closed before the server confirmed it. Sending it again is safe: it is never stored twice.";

const COME_BACK = "Reconnect when the time on the button has passed; what you missed is then loaded.";

/** What a frame from the server makes of the page. */
export function onFrame(state: State, frame: ServerFrame, at: number): Step {
  const { session } = state;
  if (session.at === "connecting") {
    if (frame.type === "welcome") return onWelcome(state, frame, at);
    // Before `welcome` only a refusal can come; its words are kept for when the line closes.
    return still({ ...state, session: { ...session, farewell: hear(session.farewell, frame) } });
  }
  if (session.at !== "open") return still(state);
  switch (frame.type) {
    case "welcome":
      return still(state);
    case "message":
      return still({ ...state, transcript: take(state.transcript, [frame]) });
    case "ack": {
      const transcript = confirm(state.transcript, session.user, frame);
      return still(accepted({ ...state, transcript, allowance: allowance(frame.quota, at) }));
    }
    case "history":
      return still(onHistory(state, frame, at));
    case "presence":
      return still({ ...state, session: { ...session, members: withPresence(session.members, frame) } });
    case "warning":
      return still(onWarning(state, session, frame, at));
    case "error":
      return still(onError(state, session, frame, at));
    case "pong":
      if (session.ping === undefined || frame.id !== session.ping.id) return still(state);
      return still({ ...state, session: answered(session, at - session.ping.at) });
    case "degraded":
      return still(
        notify(state, {
          code: "degraded",
          tone: "warning",
          text: `The server's store is away: ${frame.reason}. You still receive; sending is refused until it is back.`,
        }),
      );
    case "recovered":
      return still({ ...state, notices: state.notices.filter((notice) => notice.code !== "degraded") });
    case "closing":
      return still({ ...state, session: { ...session, farewell: hear(session.farewell, frame) } });
    case "typing":
    case "read":
    case "token_accepted":
      return still(state);
    default:
      // A newer server may send frames this page does not know; they are in the frame log.
      frame satisfies never;
      return still(state);
  }
}

/** What the end of the line makes of the page. */
export function onClosed(state: State, code: number, at: number): Step {
  const { session, loading: _unanswered, ...rest } = state;
  if (session.at !== "open" && session.at !== "connecting") return still(state);
  const ending = endingOf(code, session.farewell, at, session.at === "connecting");
  const effects: Effect[] = ending.remedy === "sign_in" ? [{ do: "forget_token" }] : [];
  return {
    state: {
      ...rest,
      session: { at: "closed", user: session.user, ending },
      transcript: giveUp(state.transcript, CUT),
      notices: [],
    },
    effects,
  };
}

function still(state: State): Step {
  return { state, effects: [] };
}

function onWelcome(state: State, frame: ServerFrameOf<"welcome">, at: number): Step {
  const { conversation, epoch, user } = frame;
  const known = state.transcriptOf;
  const same = known?.conversation === conversation && known.epoch === epoch && known.user === user;
  const here = same ? state.transcript : EMPTY_TRANSCRIPT;
  const last = here.stored[here.stored.length - 1]?.seq;
  const gap = frame.seq - (last ?? 0);
  const session: OpenSession = {
    at: "open",
    user,
    plan: frame.plan,
    inactivity: frame.inactivity,
    members: frame.members,
    farewell: {},
  };
  const next: State = {
    ...accepted(state),
    session,
    transcript: { ...here, newest: frame.seq },
    transcriptOf: { conversation, epoch, user },
    allowance: allowance(frame.quota, at),
  };
  // Nothing new costs nothing. A gap that one answer can fill is filled; a wider one, and a first visit, starts at the end.
  if (gap <= 0) return still(next);
  if (last !== undefined && gap <= WIDEST_GAP) {
    const id = `after-${last}`;
    const frame = { type: "history", after: last, limit: WIDEST_GAP, id } as const;
    return { state: { ...next, loading: id }, effects: [{ do: "send", frame }] };
  }
  const id = "latest";
  const request = { type: "history", before: next.transcript.newest + 1, limit: HISTORY_PAGE, id } as const;
  const emptied = { ...next.transcript, stored: [] };
  return { state: { ...next, transcript: emptied, loading: id }, effects: [{ do: "send", frame: request }] };
}

function onHistory(state: State, frame: ServerFrameOf<"history">, at: number): State {
  const { loading, ...rest } = state;
  let transcript = take(state.transcript, frame.messages);
  // `more: false` for what lies before: the server holds nothing older (retention, or the first message).
  if (!frame.more && loading !== undefined && !loading.startsWith("after-")) {
    const oldest = frame.messages[0]?.seq ?? transcript.stored[0]?.seq ?? transcript.newest + 1;
    transcript = { ...transcript, first: oldest };
  }
  const waiting = loading !== undefined && frame.id !== loading ? { loading } : {};
  return accepted({ ...rest, ...waiting, transcript, allowance: allowance(frame.quota, at) });
}

function onWarning(state: State, session: OpenSession, frame: ServerFrameOf<"warning">, at: number): State {
  if (frame.code === "inactivity") {
    const inactiveAt = at + (frame.seconds ?? session.inactivity.warning) * 1000;
    return { ...state, session: { ...session, inactiveAt } };
  }
  return notify(state, { code: frame.code, tone: "warning", text: plain(frame.message) });
}

function onError(state: State, session: OpenSession, frame: ServerFrameOf<"error">, at: number): State {
  const heard: State = {
    ...state,
    session: { ...session, farewell: hear(session.farewell, frame) },
    ...(frame.quota !== undefined && { allowance: allowance(frame.quota, at) }),
    ...(frame.code === "rate_limited" && {
      limitedUntil: at + (frame.retry_after ?? 0) * 1000,
      // "Few are left" is no longer news.
      notices: state.notices.filter((notice) => notice.code !== "quota_low"),
    }),
  };
  if (frame.id !== undefined && state.transcript.outbox.some((row) => row.id === frame.id)) {
    return { ...heard, transcript: refuse(state.transcript, frame.id, explainError(frame)) };
  }
  const { loading, ...rest } = heard;
  const cleared = frame.id !== undefined && frame.id === loading ? rest : heard;
  // The banner that counts down to `limitedUntil` says it already.
  if (frame.code === "rate_limited") return cleared;
  return notify(cleared, { code: frame.code, tone: "error", text: explainError(frame) });
}

function withPresence(members: readonly Member[], frame: ServerFrameOf<"presence">): readonly Member[] {
  const others = members.filter((member) => member.user !== frame.user);
  return frame.state === "left" ? others : [...others, { user: frame.user, since: frame.at }];
}

function answered(session: OpenSession, roundTrip: number): OpenSession {
  const { ping: _ping, ...rest } = session;
  return { ...rest, roundTrip };
}

/** A request was accepted, so nothing is limited any more. */
function accepted(state: State): State {
  const { limitedUntil: _past, ...rest } = state;
  return rest;
}

function allowance(quota: Quota, at: number): Allowance {
  return { limit: quota.limit, remaining: quota.remaining, fullAt: at + quota.reset * 1000 };
}

function notify(state: State, notice: Notice): State {
  return { ...state, notices: [...state.notices.filter((other) => other.code !== notice.code), notice] };
}

function hear(farewell: Farewell, frame: ServerFrame): Farewell {
  if (frame.type === "closing") return { ...farewell, closing: frame };
  return frame.type === "error" ? { ...farewell, error: frame } : farewell;
}

function endingOf(code: number, { closing, error }: Farewell, at: number, neverOpened: boolean): Ending {
  // A browser may lose the close frame (1006) after `closing` has arrived; the frame then knows better.
  const told = closing?.code ?? code;
  const entry = describeClose(told);
  // An error that did not lead here (an invalid frame an hour ago) must not be given as the reason.
  const led = error !== undefined && (neverOpened || closeOf(error) === told);
  return {
    code: told,
    reason: closing?.reason || entry.reason,
    // The catalogue speaks of `closing.after`; people see the time on the button.
    advice: closing?.after === undefined ? plain(entry.advice) : COME_BACK,
    ...(led && { detail: plain(error.message) }),
    ...(closing?.after !== undefined && { comeBackAt: at + closing.after * 1000 }),
    remedy: told === 4401 ? "sign_in" : "reconnect",
  };
}

function closeOf(error: ServerFrameOf<"error">): number | undefined {
  return (errorEntry(error.code) as ErrorEntry | undefined)?.close;
}
