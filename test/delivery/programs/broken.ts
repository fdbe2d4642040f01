// Eight ways to break the promises of delivery, of members and of the inbox. The product has no switches for them: here a real part is wrapped in one
// that misbehaves.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Entry } from "../../../src/core/conversation/entry.ts";
import type { Inboxes, InboxReader } from "../../../src/core/ports/conversation/inbox.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { MemberGate } from "../../../src/server/members/member-gate.ts";
import { Connection } from "../../../src/server/socket/connection.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";

export interface Defect {
  beforeOpening?(dataDir: string): void;
  engine?(engine: Engine): Engine;
  afterOpening?(): void;
}

/** Time between the early ack and the commit, in milliseconds: long enough for a kill to fall into it. */
const COMMIT_DELAY_MS = 150;

/** One message frame in so many changes places with the next. */
const SWAP_ONE_IN = 15;

/** How long a frame waits for the one it changes places with, in milliseconds. */
const SWAP_TIMEOUT_MS = 50;

/** The start at which the store is lost. */
const START_WITHOUT_STORE = 3;

export const DEFECTS = {
  /** The control: the same program with nothing broken. */
  nothing: {},
  "the dedupe": { engine: withoutDedupe },
  "the ack": { engine: ackBeforeCommit },
  "the seam": { afterOpening: dropAtSeam },
  "the order": { afterOpening: swapFrames },
  "the epoch": { beforeOpening: loseStore, engine: withOldEpoch },
  "the unread number": { engine: readOneLess },
  "the close": { afterOpening: sendAfterClosed },
  "the ban": { afterOpening: keepBanned },
} satisfies Record<string, Defect> as Record<DefectName, Defect>;

export type DefectName =
  | "nothing"
  | "the dedupe"
  | "the ack"
  | "the seam"
  | "the order"
  | "the epoch"
  | "the unread number"
  | "the close"
  | "the ban";

/** Stores each message under an id of its own, and shows the sender's id to readers. */
function withoutDedupe(engine: Engine): Engine {
  const named = (entry: Entry): Entry => ({ ...entry, id: entry.id.split("~")[0]! });
  return overrideEngine(engine, {
    post: (request, done) =>
      engine.post({ ...request, id: `${request.id}~${crypto.randomUUID().slice(0, 8)}` }, done),
    history: (request, done) =>
      engine.history(request, (result) =>
        done(result.outcome === "read" ? { ...result, entries: result.entries.map(named) } : result),
      ),
    subscribe: (conversation, listener) =>
      engine.subscribe(conversation, (room, entry) => listener(room, named(entry))),
    page: async (...range) => (await engine.page(...range))?.map(named),
  });
}

/** Acks with the number that a message will have, and stores it a little later. */
function ackBeforeCommit(engine: Engine): Engine {
  const rooms = new Map<string, { newest: number; names: Set<string> }>();
  return overrideEngine(engine, {
    subscribe: async (conversation, listener) => {
      if (!rooms.has(conversation)) rooms.set(conversation, await readRoom(engine, conversation));
      return engine.subscribe(conversation, listener);
    },
    post: (request, done) => {
      const { conversation, user, id, limit } = request;
      const room = rooms.get(conversation)!;
      const isRepeat = room.names.has(`${user}/${id}`);
      // Timers of one delay fire in the order in which they were set, so the number foretold is the number given.
      setTimeout(() => engine.post(request, isRepeat ? done : () => {}), COMMIT_DELAY_MS);
      if (isRepeat) return;
      room.names.add(`${user}/${id}`);
      const ack = { outcome: "stored", seq: ++room.newest, at: Date.now() } as const;
      queueMicrotask(() => done({ ...ack, quota: { limit, remaining: limit, reset: 0 } }));
    },
  });
}

async function readRoom(engine: Engine, conversation: string) {
  const { seq: newest } = await engine.head(conversation);
  const names = new Set<string>();
  for (let after = 0; after < newest; ) {
    const page = (await engine.page(conversation, after, newest, 200)) ?? [];
    for (const { from, id } of page) names.add(`${from}/${id}`);
    after = page.at(-1)?.seq ?? newest;
  }
  return { newest, names };
}

/** Loses the first message after each welcome that promised to resume. */
function dropAtSeam(): void {
  const deliver = Connection.prototype.deliver;
  const atSeam = new WeakSet<Connection>();
  Connection.prototype.deliver = function (this: Connection, frame: string): void {
    const { type, resumed } = JSON.parse(frame);
    if (type === "welcome" && resumed) atSeam.add(this);
    if (type === "message" && atSeam.delete(this)) return;
    deliver.call(this, frame);
  };
}

/** Now and then lets a message pass the one before it. */
function swapFrames(): void {
  const deliver = Connection.prototype.deliver;
  const waiting = new WeakMap<Connection, string>();
  let messages = 0;
  const release = (connection: Connection) => {
    const frame = waiting.get(connection);
    waiting.delete(connection);
    if (frame !== undefined) deliver.call(connection, frame);
  };
  Connection.prototype.deliver = function (this: Connection, frame: string): void {
    const isMessage = JSON.parse(frame).type === "message";
    if (isMessage && !waiting.has(this) && ++messages % SWAP_ONE_IN === 0) {
      waiting.set(this, frame);
      setTimeout(() => release(this), SWAP_TIMEOUT_MS);
      return;
    }
    deliver.call(this, frame);
    if (isMessage) release(this);
  };
}

/** At one of the starts there is no store any more. */
function loseStore(dataDir: string): void {
  const count = 1 + Number(readIfThere("starts") || 0);
  writeFileSync("starts", String(count));
  if (count === START_WITHOUT_STORE) rmSync(dataDir, { recursive: true, force: true });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Calls every store by the same name. */
function withOldEpoch(engine: Engine): Engine {
  const epoch = "always-the-same";
  return overrideEngine(engine, {
    head: async (conversation) => ({ ...(await engine.head(conversation)), epoch }),
    subscribe: async (conversation, listener) => {
      const listening = await engine.subscribe(conversation, listener);
      return { seq: listening.seq, epoch, rev: listening.rev, stop: () => listening.stop() };
    },
  });
}

/** Takes one message for unread that the user has read. */
function readOneLess(engine: Engine): Engine {
  const lessRead = ({ read, markedAt }: InboxReader) => ({ read: Math.max(0, read - 1), markedAt });
  const inbox: Inboxes = {
    read: async (queries, newest) => {
      const { views, ...rest } = await engine.inbox.read(queries, newest);
      return { ...rest, views: views.map((view) => ({ ...view, readers: view.readers.map(lessRead) })) };
    },
    watch: (listener, onGap) => engine.inbox.watch(listener, onGap),
  };
  return overrideEngine(engine, { inbox });
}

/** Sends a message again after the `closed` of a user who may not read any more, on the socket of a user. */
function sendAfterClosed(): void {
  const { deliverIn } = Connection.prototype;
  const newest = new Map<string, string>();
  Connection.prototype.deliverIn = function (this: Connection, lane: string, frame: string, isPage: boolean) {
    deliverIn.call(this, lane, frame, isPage);
    const { type, code } = JSON.parse(frame);
    if (type === "message") newest.set(lane, frame);
    const late = newest.get(lane);
    if (type === "closed" && code !== undefined && late !== undefined)
      deliverIn.call(this, lane, late, false);
  };
}

/** Stores a ban, and leaves the conversation open for its user. */
function keepBanned(): void {
  // The method is private: no part of the product replaces it.
  Object.defineProperty(MemberGate.prototype, "expel", { value: () => {} });
}
