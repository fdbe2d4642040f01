import { onClosed, onFrame } from "./receive.ts";
import type { Effect, Event, OpenSession, State, Step } from "./state.ts";
import { EMPTY_TRANSCRIPT, giveUp, write } from "./transcript.ts";

const LEFT = "You left before the server confirmed it. Sending it again is safe: it is never stored twice.";

const SIGN_IN_ENDED = "Your sign-in has ended. Sign in again to go on.";

/** The page before anything has happened. */
export function initialState(conversation: string): State {
  return {
    server: { demo: [] },
    conversation,
    session: { at: "signed_out", busy: false },
    transcript: EMPTY_TRANSCRIPT,
    notices: [],
  };
}

/**
 * One step of the page: what `event` makes of `state`, and what is to be done about it.
 *
 * An event that has no meaning in the present state (a frame after leaving, a message while closed) changes nothing.
 */
export function step(state: State, event: Event): Step {
  const { session } = state;
  switch (event.type) {
    case "server_facts":
      return still({ ...state, server: event.facts });
    case "sign_in_began":
      return session.at === "signed_out"
        ? still({ ...state, session: { at: "signed_out", busy: true } })
        : still(state);
    case "sign_in_refused": {
      const refused = { at: "signed_out", busy: false, problem: event.problem } as const;
      return still(session.at === "signed_out" ? { ...state, session: refused } : state);
    }
    case "signed_in":
      return session.at === "signed_out" ? onSignedIn(state, event.user) : still(state);
    case "sign_out":
      return onSignOut(state);
    case "choose":
      return onChoose(state, event.conversation);
    case "connect":
      if (session.at === "closed" && session.ending.remedy === "sign_in")
        return onSignOut(state, SIGN_IN_ENDED);
      return session.at === "signed_in" || session.at === "closed"
        ? connect(state, session.user)
        : still(state);
    case "leave":
      return onLeave(state);
    case "say":
      return say(state, event.id, event.text, event.at);
    case "say_again": {
      const row = state.transcript.outbox.find((candidate) => candidate.id === event.id);
      return row?.kind === "failed" ? say(state, row.id, row.text, event.at) : still(state);
    }
    case "load_before":
      return onLoadBefore(state, event.seq, event.limit);
    case "stay":
      // Also what typing sends while the warning stands; without a warning there is nothing to answer.
      return session.at === "open" && session.inactiveAt !== undefined
        ? send(state, session, { do: "send", frame: { type: "activity" } })
        : still(state);
    case "ping":
      return onPing(state, event.at);
    case "dismiss":
      return still({ ...state, notices: state.notices.filter((notice) => notice.code !== event.code) });
    case "frame":
      return onFrame(state, event.frame, event.at);
    case "closed":
      return onClosed(state, event.code, event.at);
    default:
      event satisfies never;
      return still(state);
  }
}

function still(state: State): Step {
  return { state, effects: [] };
}

function onSignedIn(state: State, user: string): Step {
  // What one user saw and sent is not the next one's; the same user goes on where the token ran out.
  const same = state.transcriptOf?.user === user;
  const session = { at: "signed_in", user } as const;
  return still(same ? { ...state, session } : { ...forget(state), session });
}

function onSignOut(state: State, problem?: string): Step {
  const session = { at: "signed_out", busy: false, ...(problem !== undefined && { problem }) } as const;
  // Signed out by the server: the transcript stays for the same user's return. By the person: nothing stays.
  const kept = problem === undefined ? forget(state) : state;
  return { state: { ...kept, session, notices: [] }, effects: [{ do: "close" }, { do: "forget_token" }] };
}

function forget(state: State): State {
  return {
    server: state.server,
    conversation: state.conversation,
    session: state.session,
    transcript: EMPTY_TRANSCRIPT,
    notices: [],
  };
}

function onChoose(state: State, conversation: string): Step {
  if (conversation === state.conversation) return still(state);
  const { session } = state;
  const chosen = { ...state, conversation };
  if (session.at !== "open" && session.at !== "connecting") return still(chosen);
  const left = onLeave(chosen);
  const opened = connect(left.state, session.user);
  return { state: opened.state, effects: [...left.effects, ...opened.effects] };
}

function connect(state: State, user: string): Step {
  return {
    state: { ...state, session: { at: "connecting", user, farewell: {} }, notices: [] },
    effects: [{ do: "open", user, conversation: state.conversation }],
  };
}

function onLeave(state: State): Step {
  const { session, loading: _loading, ...rest } = state;
  if (session.at === "signed_out" || session.at === "signed_in") return still(state);
  return {
    state: {
      ...rest,
      session: { at: "signed_in", user: session.user },
      transcript: giveUp(state.transcript, LEFT),
      notices: [],
    },
    effects: [{ do: "close" }],
  };
}

function say(state: State, id: string, text: string, at: number): Step {
  const { session } = state;
  if (session.at !== "open") return still(state);
  const transcript = write(state.transcript, { id, from: session.user, text, at });
  return send({ ...state, transcript }, session, { do: "send", frame: { type: "message", id, text } });
}

function onLoadBefore(state: State, seq: number, limit: number): Step {
  const { session } = state;
  if (session.at !== "open" || state.loading !== undefined) return still(state);
  const id = `before-${seq}`;
  const frame = { type: "history", before: seq, limit, id } as const;
  return send({ ...state, loading: id }, session, { do: "send", frame });
}

function onPing(state: State, at: number): Step {
  const { session } = state;
  if (session.at !== "open" || session.ping !== undefined) return still(state);
  const id = `ping-${Math.floor(at)}`;
  return {
    state: { ...state, session: { ...session, ping: { id, at } } },
    effects: [{ do: "send", frame: { type: "ping", id } }],
  };
}

/** Sends what a person did; it counts as activity (I1), so the inactivity warning goes. */
function send(state: State, session: OpenSession, effect: Effect): Step {
  const { inactiveAt: _answered, ...active } = session;
  return { state: { ...state, session: active }, effects: [effect] };
}
