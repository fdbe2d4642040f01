import type { Engine } from "../../src/core/engine.ts";

/** `engine`, but for what is given. */
export function disturbed(engine: Engine, change: Partial<Engine>): Engine {
  return {
    description: engine.description,
    post: (request, done) => engine.post(request, done),
    history: (request, done) => engine.history(request, done),
    quota: (user, limit) => engine.quota(user, limit),
    listen: (conversation, listener) => engine.listen(conversation, listener),
    head: (conversation) => engine.head(conversation),
    page: (conversation, after, upTo, count) => engine.page(conversation, after, upTo, count),
    mark: (conversation, user, seq) => engine.mark(conversation, user, seq),
    marks: (conversation) => engine.marks(conversation),
    ready: () => engine.ready(),
    isAway: (error) => change.ready?.() === false || engine.isAway(error),
    watchReady: (listener) => engine.watchReady(listener),
    watchEpoch: (listener) => engine.watchEpoch(listener),
    close: () => engine.close(),
    ...change,
  };
}
