// Helpers for tests of the client library on real sockets.
import {
  type Conversation,
  connect,
  type Options,
  type State,
} from "../../../../src/console/client/one/connect.ts";
import type { ConversationEvents, EventName } from "../../../../src/console/client/one/events.ts";
import type { TestServer } from "../../../support/server/test-server.ts";

/** Waits for the next `event` that `wanted` accepts; the test's time-out ends a wait for one that never comes. */
export function nextEvent<E extends EventName>(
  conversation: Conversation,
  event: E,
  matches: (value: ConversationEvents[E]) => boolean = () => true,
): Promise<ConversationEvents[E]> {
  return new Promise((resolve) => {
    const unsubscribe = conversation.on(event, (value) => {
      if (!matches(value)) return;
      unsubscribe();
      resolve(value);
    });
  });
}

/** Waits until the connection has that state; returns the state. */
export async function waitForState<A extends State["state"]>(
  conversation: Conversation,
  at: A,
): Promise<State & { state: A }> {
  const { status } = conversation;
  const state =
    status.state === at ? status : await nextEvent(conversation, "status", (now) => now.state === at);
  return state as State & { state: A };
}

/** A client of `user` and its conversation `lobby`, left with the test. */
export async function joinWithLibrary(server: TestServer, user: string, options: Partial<Options> = {}) {
  const parley = connect({ url: server.url, token: await server.token(user), ...options });
  const lobby = parley.conversation("lobby");
  await waitForState(lobby, "live");
  return { parley, lobby, [Symbol.asyncDispose]: () => parley.close() };
}
