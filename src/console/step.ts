import { hear } from "./hear.ts";
import type { Effect, Event, OpenSession, State, Step } from "./state.ts";
import { EMPTY_TRANSCRIPT, giveUp, refuse, write } from "./transcript.ts";

const LEFT = "You left before the server confirmed it. Sending it again is safe: it is never stored twice.";

const TAKEN_BACK = "Taken back before it was sent.";

const SIGN_IN_ENDED = "Your sign-in has ended. Sign in again to go on.";

/** A client before anything has happened. */
export function initialState(conversation: string): State {
  return {
    conversation,
    session: { at: "signed_out", busy: false },
    transcript: EMPTY_TRANSCRIPT,
    loading: false,
    notices: [],
  };
}

/**
 * One step of a client: what `event` makes of `state`, and what is to be done about it.
 *
 * An event that has no meaning in the present state (an ack after leaving, a message while closed) changes nothing.
 */
export function step(state: State, event: Event): Step {
  const { session } = state;
  switch (event.type) {
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
      return onConnect(state);
    case "leave":
      return onLeave(state);
    case "say":
      return say(state, event.id, event.text, event.at);
    case "say_again": {
      const row = state.transcript.outbox.find((candidate) => candidate.id === event.id);
      return row?.kind === "failed" ? say(state, row.id, row.text, event.at) : still(state);
    }
    case "take_back": {
      const row = state.transcript.outbox.find((candidate) => candidate.id === event.id);
      if (row?.kind !== "pending") return still(state);
      const transcript = refuse(state.transcript, row.id, TAKEN_BACK);
      return { state: { ...state, transcript }, effects: [{ do: "take_back", id: row.id }] };
    }
    case "load_before":
      return session.at === "open" && !state.loading
        ? act({ ...state, loading: true }, session, [{ do: "load", before: event.seq, limit: event.limit }])
        : still(state);
    case "write":
      return session.at === "open"
        ? act(state, session, [{ do: "typing", active: event.active }, ...stay(session)])
        : still(state);
    case "stay":
      return session.at === "open" ? act(state, session, stay(session)) : still(state);
    case "seen":
      return onSeen(state, event.seq);
    case "measure":
      return session.at === "open" && !session.measuring
        ? { state: { ...state, session: { ...session, measuring: true } }, effects: [{ do: "measure" }] }
        : still(state);
    case "dismiss":
      return still({ ...state, notices: state.notices.filter((notice) => notice.code !== event.code) });
    default:
      return hear(state, event);
  }
}

function still(state: State): Step {
  return { state, effects: [] };
}

function onSignedIn(state: State, user: string): Step {
  // What one user saw and sent is not the next one's; the same user goes on where the sign-in ran out.
  const same = state.transcriptOf?.user === user;
  const session = { at: "signed_in", user } as const;
  return still(same ? { ...state, session } : { ...forget(state), session });
}

function onSignOut(state: State, problem?: string): Step {
  const session = { at: "signed_out", busy: false, ...(problem !== undefined && { problem }) } as const;
  // Signed out by the server: the transcript stays for the same user's return. By the person: nothing stays.
  const kept = problem === undefined ? forget(state) : state;
  const tell = problem === undefined;
  return {
    state: { ...kept, session, loading: false, notices: [] },
    effects: [{ do: "close" }, { do: "forget_login", tell }],
  };
}

function forget(state: State): State {
  return { ...initialState(state.conversation), session: state.session };
}

function onChoose(state: State, conversation: string): Step {
  if (conversation === state.conversation) return still(state);
  const { session } = state;
  const chosen = { ...state, conversation };
  if (session.at !== "open") return still(chosen);
  const left = onLeave(chosen);
  const opened = open(left.state, session.user);
  return { state: opened.state, effects: [...left.effects, ...opened.effects] };
}

function onConnect(state: State): Step {
  const { session } = state;
  switch (session.at) {
    case "signed_in":
      return open(state, session.user);
    case "closed": {
      if (session.ending.remedy === "sign_in") return onSignOut(state, SIGN_IN_ENDED);
      const { transcriptOf } = state;
      // Another one may have been chosen in the address meanwhile.
      if (transcriptOf?.conversation !== state.conversation) {
        const opened = open(state, session.user);
        return { state: opened.state, effects: [{ do: "close" }, ...opened.effects] };
      }
      return { state: { ...state, session: connecting(session.user) }, effects: [{ do: "reconnect" }] };
    }
    case "open":
      return session.line.state === "waiting" ? { state, effects: [{ do: "reconnect" }] } : still(state);
    default:
      return still(state);
  }
}

function open(state: State, user: string): Step {
  const { conversation, transcriptOf } = state;
  const same = transcriptOf?.conversation === conversation && transcriptOf.user === user;
  const goOn = same && transcriptOf.begun;
  return {
    state: {
      ...state,
      session: connecting(user),
      ...(!same && { transcript: EMPTY_TRANSCRIPT }),
      transcriptOf: goOn ? transcriptOf : { conversation, user, begun: false, seen: 0 },
      notices: [],
    },
    effects: [{ do: "open", conversation, goOn }],
  };
}

function connecting(user: string): OpenSession {
  const line = { state: "connecting", attempt: 0, fresh: false } as const;
  return { at: "open", user, line, present: [], typing: [], measuring: false };
}

function onLeave(state: State): Step {
  const { session } = state;
  if (session.at === "signed_out" || session.at === "signed_in") return still(state);
  return {
    state: {
      ...state,
      session: { at: "signed_in", user: session.user },
      transcript: giveUp(state.transcript, LEFT),
      loading: false,
      notices: [],
    },
    effects: [{ do: "close" }],
  };
}

/** Also while the line is away: the library keeps it, and sends it as soon as it can. */
function say(state: State, id: string, text: string, at: number): Step {
  const { session } = state;
  if (session.at !== "open") return still(state);
  const transcript = write(state.transcript, { id, from: session.user, text, at });
  return act({ ...state, transcript }, session, [
    { do: "typing", active: false },
    { do: "send", id, text },
  ]);
}

function onSeen(state: State, seq: number): Step {
  const { session, transcriptOf } = state;
  if (session.at !== "open" || transcriptOf === undefined || seq <= transcriptOf.seen) return still(state);
  return {
    state: { ...state, transcriptOf: { ...transcriptOf, seen: seq } },
    effects: [{ do: "read", seq }],
  };
}

/** What answers the warning of inactivity; nothing while there is none. */
function stay(session: OpenSession): Effect[] {
  return session.inactiveAt === undefined ? [] : [{ do: "activity" }];
}

/** Does what a person wants; it counts as activity (I1), so the inactivity warning goes. */
function act(state: State, session: OpenSession, effects: readonly Effect[]): Step {
  if (session.inactiveAt === undefined) return { state, effects };
  const { inactiveAt: _answered, ...active } = session;
  return { state: { ...state, session: active }, effects };
}
