import { onLineEvent } from "./on-line-event.ts";
import type { Event, OpenSession, State, Step } from "./state.ts";

const SIGN_IN_ENDED = "Your sign-in has ended. Sign in again to go on.";

/** The state of a new client. */
export function initialState(conversation: string): State {
  return { conversation, session: { state: "signed_out", busy: false }, notices: [] };
}

/**
 * One step of a client: returns the state after `event`, and the effects to carry out.
 *
 * An event that has no meaning in the current state (a warning while closed) changes nothing.
 */
export function step(state: State, event: Event): Step {
  const { session } = state;
  switch (event.type) {
    case "sign_in_began":
      return session.state === "signed_out"
        ? unchanged({ ...state, session: { state: "signed_out", busy: true } })
        : unchanged(state);
    case "sign_in_refused": {
      const { problem } = event;
      const refused = {
        state: "signed_out",
        busy: false,
        ...(problem !== undefined && { problem }),
      } as const;
      return unchanged(session.state === "signed_out" ? { ...state, session: refused } : state);
    }
    case "signed_in":
      return session.state === "signed_out" ? onSignedIn(state, event.user) : unchanged(state);
    case "sign_out":
      return onSignOut(state);
    case "choose":
      return event.conversation === state.conversation
        ? unchanged(state)
        : {
            state: { ...state, conversation: event.conversation },
            effects: [{ type: "enter", conversation: event.conversation }],
          };
    case "connect":
      return onConnect(state);
    case "disconnect":
      return session.state === "open" || session.state === "closed"
        ? {
            state: { ...state, session: { state: "signed_in", user: session.user }, notices: [] },
            effects: [{ type: "close" }],
          }
        : unchanged(state);
    case "active":
    case "stay":
      return session.state === "open" && session.inactiveAt !== undefined
        ? { state: { ...state, session: withoutWarning(session) }, effects: [{ type: "activity" }] }
        : unchanged(state);
    case "measure":
      return session.state === "open" && !session.measuring
        ? { state: { ...state, session: { ...session, measuring: true } }, effects: [{ type: "measure" }] }
        : unchanged(state);
    case "dismiss":
      return unchanged({ ...state, notices: state.notices.filter((notice) => notice.code !== event.code) });
    default:
      return onLineEvent(state, event);
  }
}

function unchanged(state: State): Step {
  return { state, effects: [] };
}

function onSignedIn(state: State, user: string): Step {
  return {
    state: { ...state, session: connecting(user), notices: [] },
    effects: [{ type: "enter", conversation: state.conversation }],
  };
}

function onSignOut(state: State, problem?: string): Step {
  const session = { state: "signed_out", busy: false, ...(problem !== undefined && { problem }) } as const;
  // Signed out by the server: the same user may go on with what was shown. Signed out by the person: nothing is kept.
  const isOver = problem === undefined;
  const kept = isOver ? initialState(state.conversation) : state;
  return {
    state: { ...kept, session, notices: [] },
    effects: [
      { type: "close" },
      ...(isOver ? [{ type: "forget" } as const] : []),
      { type: "forget_login", revoke: isOver },
    ],
  };
}

function onConnect(state: State): Step {
  const { session } = state;
  switch (session.state) {
    case "closed":
      if (session.closeInfo.remedy === "sign_in") return onSignOut(state, SIGN_IN_ENDED);
      return reconnect(state, session.user);
    case "signed_in":
      return reconnect(state, session.user);
    case "open":
      return session.connection.state === "waiting"
        ? { state, effects: [{ type: "reconnect" }] }
        : unchanged(state);
    default:
      return unchanged(state);
  }
}

function reconnect(state: State, user: string): Step {
  return { state: { ...state, session: connecting(user) }, effects: [{ type: "reconnect" }] };
}

function connecting(user: string): OpenSession {
  return { state: "open", user, connection: { state: "connecting" }, failures: 0, measuring: false };
}

function withoutWarning({ inactiveAt: _cleared, ...session }: OpenSession): OpenSession {
  return session;
}
