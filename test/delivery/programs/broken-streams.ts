// Five ways to break the promises of streams, each a real part that is wrapped in one that misbehaves (broken.ts).
import type { Entry } from "../../../src/core/conversation/entry.ts";
import type { StreamAppend, Streams } from "../../../src/core/ports/conversation/streams.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { Connection } from "../../../src/server/socket/connection.ts";
import { streamKey } from "../../../src/server/streams/stream-key.ts";
import { StreamWriters } from "../../../src/server/streams/stream-writers.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import type { Defect } from "./broken.ts";

export const STREAM_DEFECTS = {
  "the append": { engine: storeAppendsTwice },
  "the fence": { afterOpening: acceptReplacedWriters },
  "the final message": { engine: endTwice },
  "the orphan": { engine: keepOrphans },
  "the snapshot": { afterOpening: sendSnapshotsLate },
} satisfies Record<string, Defect>;

export type StreamDefectName = keyof typeof STREAM_DEFECTS;

/** `streams` with some methods replaced. */
function overrideStreams(streams: Streams, overrides: Partial<Streams>): Streams {
  return {
    start: (request, done) => streams.start(request, done),
    append: (request, done) => streams.append(request, done),
    end: (request, done) => streams.end(request, done),
    cancel: (request) => streams.cancel(request),
    renew: (writers) => streams.renew(writers),
    refuse: (user, conversation) => streams.refuse(user, conversation),
    approveEnds: (decide) => streams.approveEnds(decide),
    drafts: (conversation) => streams.drafts(conversation),
    publish: (event) => streams.publish(event),
    watch: (listener) => streams.watch(listener),
    ...overrides,
  };
}

/** Stores the text of each append twice, and shows it once. */
function storeAppendsTwice(engine: Engine): Engine {
  const twice = (appends: readonly StreamAppend[]) =>
    appends.map((append) => ({ ...append, text: append.text + append.text }));
  const { streams } = engine;
  return overrideEngine(engine, {
    streams: overrideStreams(streams, {
      append: (request, done) => streams.append({ ...request, appends: twice(request.appends) }, done),
      end: (request, done) => streams.end({ ...request, appends: twice(request.appends) }, done),
    }),
  });
}

/** Takes what a replaced writer sends for that of the writer that replaced it. */
function acceptReplacedWriters(): void {
  // The method and the map are private: no part of the product replaces them.
  Object.defineProperty(StreamWriters.prototype, "find", {
    value(
      this: { writers: Map<string, unknown> },
      { conversation }: { conversation: string },
      stream: string,
    ) {
      return this.writers.get(streamKey({ conversation, stream }));
    },
  });
}

/** Stores the message of an ended stream a second time, under an id of its own that readers are not shown. */
function endTwice(engine: Engine): Engine {
  const named = (entry: Entry): Entry => ({ ...entry, id: entry.id.split("~")[0]! });
  const again = (conversation: string, { from: user, id, kind, body }: Entry) => {
    if (body.includes('"stream":') && !id.includes("~"))
      engine.post({ conversation, user, id: `${id}~again`, kind, body, limit: 0 }, () => {});
  };
  return overrideEngine(engine, {
    history: (request, done) =>
      engine.history(request, (result) =>
        done(result.outcome === "read" ? { ...result, entries: result.entries.map(named) } : result),
      ),
    subscribe: (conversation, listener) =>
      engine.subscribe(conversation, (room, entry) => {
        listener(room, named(entry));
        again(room, entry);
      }),
    page: async (...range) => (await engine.page(...range))?.map(named),
  });
}

/** Never ends a stream whose writer is gone. */
function keepOrphans(engine: Engine): Engine {
  Object.defineProperty(engine.streams, "sweep", { value: () => {} });
  return engine;
}

/** Sends the text so far after the first append that follows it. */
function sendSnapshotsLate(): void {
  const { deliver } = Connection.prototype;
  const waiting = new WeakMap<Connection, string>();
  Connection.prototype.deliver = function (this: Connection, frame: string): void {
    const { type } = JSON.parse(frame);
    if (type === "stream") {
      waiting.set(this, frame);
      return;
    }
    deliver.call(this, frame);
    const late = waiting.get(this);
    if (type !== "stream_append" || late === undefined) return;
    waiting.delete(this);
    deliver.call(this, late);
  };
}
