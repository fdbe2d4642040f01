import { onConversationEvent } from "./on-conversation-event.ts";
import type { Effect, Event, OpenSession, State, Step } from "./state.ts";
import { addPending, EMPTY_TRANSCRIPT, markFailed, markRefused } from "./transcript.ts";

const LEFT = "You left before the server confirmed it. Sending it again is safe: it is never stored twice.";

const TAKEN_BACK = "Taken back before it was sent.";

const SIGN_IN_ENDED = "Your sign-in has ended. Sign in again to go on.";

/** The state of a new client. */
export function initialState(conversation: string): State {
  return {
    conversation,
    session: { state: "signed_out", busy: false },
    transcript: EMPTY_TRANSCRIPT,
    loading: false,
    notices: [],
  };
}

/**
 * One step of a client: returns the state after `event`, and the effects to carry out.
 *
 * An event that has no meaning in the current state (an ack after leaving, a message while closed) changes nothing.
 */
export function step(state: State, event: Event): Step {
  const { session } = state;
  switch (event.type) {
    case "sign_in_began":
      return session.state === "signed_out"
        ? unchanged({ ...state, session: { state: "signed_out", busy: true } })
        : unchanged(state);
    case "sign_in_refused": {
      const refused = { state: "signed_out", busy: false, problem: event.problem } as const;
      return unchanged(session.state === "signed_out" ? { ...state, session: refused } : state);
    }
    case "signed_in":
      return session.state === "signed_out" ? onSignedIn(state, event.user) : unchanged(state);
    case "sign_out":
      return onSignOut(state);
    case "choose":
      return onChoose(state, event.conversation);
    case "connect":
      return onConnect(state);
    case "leave":
      return onLeave(state);
    case "send":
      return send(state, event.id, event.text, event.at);
    case "resend": {
      const row = state.transcript.outbox.find((candidate) => candidate.id === event.id);
      return row?.kind === "failed" ? send(state, row.id, row.text, event.at) : unchanged(state);
    }
    case "cancel_send": {
      const row = state.transcript.outbox.find((candidate) => candidate.id === event.id);
      if (row?.kind !== "pending") return unchanged(state);
      const transcript = markRefused(state.transcript, row.id, TAKEN_BACK);
      return { state: { ...state, transcript }, effects: [{ type: "cancel_send", id: row.id }] };
    }
    case "load_before":
      return session.state === "open" && !state.loading
        ? withActivity({ ...state, loading: true }, session, [
            { type: "load", before: event.seq, limit: event.limit },
          ])
        : unchanged(state);
    case "write":
      return session.state === "open"
        ? withActivity(state, session, [
            { type: "typing", active: event.active },
            ...activityEffects(session),
          ])
        : unchanged(state);
    case "stay":
      return session.state === "open"
        ? withActivity(state, session, activityEffects(session))
        : unchanged(state);
    case "seen":
      return onSeen(state, event.seq);
    case "measure":
      return session.state === "open" && !session.measuring
        ? { state: { ...state, session: { ...session, measuring: true } }, effects: [{ type: "measure" }] }
        : unchanged(state);
    case "dismiss":
      return unchanged({ ...state, notices: state.notices.filter((notice) => notice.code !== event.code) });
    default:
      return onConversationEvent(state, event);
  }
}

function unchanged(state: State): Step {
  return { state, effects: [] };
}

function onSignedIn(state: State, user: string): Step {
  // The next user must not see the last user's messages; the same user continues after an expired session.
  const same = state.transcriptOf?.user === user;
  const session = { state: "signed_in", user } as const;
  return unchanged(same ? { ...state, session } : { ...resetClient(state), session });
}

function onSignOut(state: State, problem?: string): Step {
  const session = { state: "signed_out", busy: false, ...(problem !== undefined && { problem }) } as const;
  // Signed out by the server: keep the transcript for the same user. Signed out by the person: keep nothing.
  const kept = problem === undefined ? resetClient(state) : state;
  const revoke = problem === undefined;
  return {
    state: { ...kept, session, loading: false, notices: [] },
    effects: [{ type: "close" }, { type: "forget_login", revoke }],
  };
}

function resetClient(state: State): State {
  return { ...initialState(state.conversation), session: state.session };
}

function onChoose(state: State, conversation: string): Step {
  if (conversation === state.conversation) return unchanged(state);
  const { session } = state;
  const chosen = { ...state, conversation };
  if (session.state !== "open") return unchanged(chosen);
  const left = onLeave(chosen);
  const opened = open(left.state, session.user);
  return { state: opened.state, effects: [...left.effects, ...opened.effects] };
}

function onConnect(state: State): Step {
  const { session } = state;
  switch (session.state) {
    case "signed_in":
      return open(state, session.user);
    case "closed": {
      if (session.closeInfo.remedy === "sign_in") return onSignOut(state, SIGN_IN_ENDED);
      const { transcriptOf } = state;
      // Another conversation may have been chosen in the URL meanwhile.
      if (transcriptOf?.conversation !== state.conversation) {
        const opened = open(state, session.user);
        return { state: opened.state, effects: [{ type: "close" }, ...opened.effects] };
      }
      return { state: { ...state, session: connecting(session.user) }, effects: [{ type: "reconnect" }] };
    }
    case "open":
      return session.connection.state === "waiting"
        ? { state, effects: [{ type: "reconnect" }] }
        : unchanged(state);
    default:
      return unchanged(state);
  }
}

function open(state: State, user: string): Step {
  const { conversation, transcriptOf } = state;
  const same = transcriptOf?.conversation === conversation && transcriptOf.user === user;
  const resume = same && transcriptOf.isLoaded;
  return {
    state: {
      ...state,
      session: connecting(user),
      ...(!same && { transcript: EMPTY_TRANSCRIPT }),
      transcriptOf: resume ? transcriptOf : { conversation, user, isLoaded: false, seen: 0 },
      notices: [],
    },
    effects: [{ type: "open", conversation, resume }],
  };
}

function connecting(user: string): OpenSession {
  const connection = { state: "connecting", attempt: 0, fresh: false } as const;
  return { state: "open", user, connection, present: [], typing: [], measuring: false };
}

function onLeave(state: State): Step {
  const { session } = state;
  if (session.state === "signed_out" || session.state === "signed_in") return unchanged(state);
  return {
    state: {
      ...state,
      session: { state: "signed_in", user: session.user },
      transcript: markFailed(state.transcript, LEFT),
      loading: false,
      notices: [],
    },
    effects: [{ type: "close" }],
  };
}

/** Sends a message, also while disconnected: the library keeps it, and sends it as soon as possible. */
function send(state: State, id: string, text: string, at: number): Step {
  const { session } = state;
  if (session.state !== "open") return unchanged(state);
  const transcript = addPending(state.transcript, { id, from: session.user, text, at });
  return withActivity({ ...state, transcript }, session, [
    { type: "typing", active: false },
    { type: "send", id, text },
  ]);
}

function onSeen(state: State, seq: number): Step {
  const { session, transcriptOf } = state;
  if (session.state !== "open" || transcriptOf === undefined || seq <= transcriptOf.seen)
    return unchanged(state);
  return {
    state: { ...state, transcriptOf: { ...transcriptOf, seen: seq } },
    effects: [{ type: "read", seq }],
  };
}

/** Returns the effect that answers a warning of inactivity; none without a warning. */
function activityEffects(session: OpenSession): Effect[] {
  return session.inactiveAt === undefined ? [] : [{ type: "activity" }];
}

/** Carries out an action of the person, which counts as activity (I1) and so ends the inactivity warning. */
function withActivity(state: State, session: OpenSession, effects: readonly Effect[]): Step {
  if (session.inactiveAt === undefined) return { state, effects };
  const { inactiveAt: _cleared, ...active } = session;
  return { state: { ...state, session: active }, effects };
}
