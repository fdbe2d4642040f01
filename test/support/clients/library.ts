// Helpers for tests of the client library on real sockets.
import { type Conversation, connect, type Options, type Readable } from "../../../src/client/index.ts";
import type { TestServer } from "../server/test-server.ts";

/** Waits until `readable` has a value that `matches`; the test's time-out ends a wait for one that never comes. */
export function becomes<T, S extends T = T>(
  readable: Readable<T>,
  matches: (value: T) => boolean,
): Promise<S> {
  return new Promise((resolve) => {
    let end = () => {};
    let isOver = false;
    end = readable.subscribe((value) => {
      if (isOver || !matches(value)) return;
      isOver = true;
      resolve(value as S);
      queueMicrotask(() => end());
    });
  });
}

/** Waits until the status of a line or a conversation is `state`; returns it. */
export function reaches<S extends { readonly state: string }, A extends S["state"]>(
  { status }: { readonly status: Readable<S> },
  state: A,
): Promise<S & { readonly state: A }> {
  return becomes(status, (value) => value.state === state);
}

/** Waits for the next event that `matches`. */
export function next<E, T>(
  source: { on(event: E, listener: (value: T) => void): () => void },
  event: E,
  matches: (value: T) => boolean = () => true,
): Promise<T> {
  return new Promise((resolve) => {
    const unsubscribe = source.on(event, (value) => {
      if (!matches(value)) return;
      unsubscribe();
      resolve(value);
    });
  });
}

/** Keeps a conversation open, as a page that shows it does. */
export function keepOpen(conversation: Conversation): () => void {
  return conversation.on("message", () => {});
}

/** A client of `user`, and its conversation `lobby`, which is open; left with the test. */
export async function enter(server: TestServer, user: string, options: Partial<Options> = {}) {
  const parley = connect({ url: server.url, token: await server.token(user), ...options });
  const lobby = parley.conversation("lobby");
  keepOpen(lobby);
  await reaches(lobby, "live");
  return { parley, lobby, [Symbol.asyncDispose]: () => parley.close() };
}
