// Events of a client, as the tests of its state use them.
import type { State as ConnectionState } from "../../../src/console/client/one/connect.ts";
import type { ActiveConnectionState, Effect, Event, State } from "../../../src/console/client/state.ts";
import { initialState, step } from "../../../src/console/client/step.ts";
import type { Message, PresentUser } from "../../../src/protocol/server-frames.ts";

/** When it happens. */
export const T0 = 1_800_000_000_000;

/** The state after the events, one after the other, and all effects. */
export function run(from: State, events: readonly Event[]): { state: State; effects: Effect[] } {
  let state = from;
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

/** A client that is signed in and dials. */
export function connecting(): State {
  return run(initialState("lobby"), [{ type: "signed_in", user: "user1" }, { type: "connect" }]).state;
}

/** A client whose conversation is open, with this many messages in it. */
export function open(fields: { seq: number }): State {
  return run(connecting(), [welcome(fields), page()]).state;
}

/** The messages from `first` to `last` come with the conversation, or were asked for; without any, an empty page. */
export function page(first = 1, last = first - 1): Event {
  const messages = Array.from({ length: last - first + 1 }, (_, index) =>
    message(first + index, "user2", `m${first + index}`),
  );
  return { type: "page", messages, more: first > 1 };
}

/** The connection's status changes. */
export function status(connection: ConnectionState, seq = 0, present: readonly PresentUser[] = []): Event {
  return {
    type: "status",
    connection,
    welcome: {
      type: "welcome",
      connection: "c1",
      conversation: "lobby",
      user: "user1",
      plan: "free",
      seq,
      epoch: "e1",
      resumed: false,
      quota: { limit: 3, remaining: 3, reset: 0 },
      inactivity: { timeout: 300, warning: 30 },
      present: [...present],
      present_count: present.length,
      server: { name: "parley", protocol: 1 },
    },
    present,
    at: T0,
  };
}

/** The server has let the client in. */
export function welcome(
  { seq }: { seq: number },
  at: Exclude<ActiveConnectionState["state"], "connecting" | "waiting"> = "live",
): Event {
  const line = {
    state: at,
    attempt: 0,
    since: T0,
    ...(at === "degraded" && { reason: "away" }),
  } as ActiveConnectionState;
  return status(line, seq, [{ user: "user1", since: T0 }]);
}

/** The connection was cut, and is reopened after this many milliseconds. */
export function waiting(attempt = 1, wait = 3000): Event {
  return status({
    state: "waiting",
    attempt,
    until: T0 + wait,
    code: 1006,
    reason: "connection lost",
    fresh: false,
    firm: false,
  });
}

/** The connection is closed for good. */
export function ended(code: number): Event {
  return status({ state: "closed", code, reason: "over", advice: code === 4401 ? "sign_in" : "reconnect" });
}

/** A message as the server numbers it. */
export function message(seq: number, from: string, text: string, id = `id-${seq}`): Message {
  return { seq, id, from, text, at: T0 + seq };
}

/** It comes. */
export function live(...args: Parameters<typeof message>): Event {
  return { type: "message", message: message(...args) };
}

/** The server has stored it. */
export function ack(id: string, seq: number): Event {
  const quota = { limit: 3, remaining: 2, reset: 3600 };
  return { type: "acked", ack: { id, seq, at: T0 + seq, quota } };
}

/** The rest of three requests. */
export function quota(fields: { remaining?: number; retry_after?: number }): Event {
  return { type: "quota", quota: { limit: 3, remaining: 2, reset: 3600, ...fields }, at: T0 };
}

/** A user begins or ends to type. */
export function types(user: string, active: boolean): Event {
  return { type: "typing", user, active };
}
