import type { Engine } from "../../core/ports/engine.ts";
import { ApprovedChanges } from "./approved-changes.ts";
import { ApprovedMessages } from "./approved-messages.ts";
import { ApprovedStreams } from "./approved-streams.ts";
import type { Approver } from "./approver.ts";
import { SenderQueues } from "./sender-queues.ts";

/** Returns an engine that asks `approver` before it stores what users say, and is `engine` in all else. */
export function approveEngine(engine: Engine, approver: Pick<Approver, "ask">): Engine {
  const deps = { approver, queues: new SenderQueues() };
  const messages = new ApprovedMessages(engine, deps);
  return {
    description: engine.description,
    inbox: engine.inbox,
    streams: new ApprovedStreams(engine.streams, engine, deps),
    changes: new ApprovedChanges(engine.changes, deps),
    post: (request, done) => messages.post(request, done),
    history: (request, done) => messages.history(request, done),
    consider: (request, done) => engine.consider(request, done),
    charge: (user, limit, count) => engine.charge(user, limit, count),
    quota: (user, limit) => engine.quota(user, limit),
    subscribe: (conversation, listener) => engine.subscribe(conversation, listener),
    head: (conversation) => engine.head(conversation),
    page: (conversation, after, last, count) => engine.page(conversation, after, last, count),
    setReadMark: (...mark) => engine.setReadMark(...mark),
    readMarks: (conversation, users) => engine.readMarks(conversation, users),
    ready: () => engine.ready(),
    allWritable: () => engine.allWritable(),
    isUnavailable: (error) => engine.isUnavailable(error),
    watchReady: (listener) => engine.watchReady(listener),
    watchEpoch: (listener) => engine.watchEpoch(listener),
    close: () => engine.close(),
  };
}
