import type { Engine } from "../../../src/core/ports/engine.ts";

/** `engine` with the given methods replaced. */
export function overrideEngine(engine: Engine, overrides: Partial<Engine>): Engine {
  return {
    description: engine.description,
    inbox: engine.inbox,
    streams: engine.streams,
    changes: engine.changes,
    post: (request, done) => engine.post(request, done),
    history: (request, done) => engine.history(request, done),
    consider: (request, done) => engine.consider(request, done),
    charge: (user, limit, count) => engine.charge(user, limit, count),
    quota: (user, limit) => engine.quota(user, limit),
    subscribe: (conversation, listener) => engine.subscribe(conversation, listener),
    head: (conversation) => engine.head(conversation),
    page: (conversation, after, upTo, count) => engine.page(conversation, after, upTo, count),
    setReadMark: (...mark) => engine.setReadMark(...mark),
    readMarks: (conversation, users) => engine.readMarks(conversation, users),
    ready: () => engine.ready(),
    allWritable: () => overrides.ready?.() !== false && engine.allWritable(),
    isUnavailable: (error) => overrides.ready?.() === false || engine.isUnavailable(error),
    watchReady: (listener) => engine.watchReady(listener),
    watchEpoch: (listener) => engine.watchEpoch(listener),
    close: () => engine.close(),
    ...overrides,
  };
}
