import { expect, test } from "bun:test";
import { WATCH_MS } from "../../../src/core/ports/nodes/activity-board.ts";
import {
  ActivityRecorder,
  type ActivityRecorderDeps,
} from "../../../src/server/activity/activity-recorder.ts";
import type { MessageObserver } from "../../../src/server/socket/message-counters.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

function openRecorder() {
  const clock = new ManualClock();
  const counts = {
    observer: undefined as MessageObserver | undefined,
    sinceStart: () => ({ stored: 0, delivered: 0 }),
  };
  const slow = {
    ...{ id: "k3x9", user: "ben", isLive: true, ended: false, unsentBytes: 0 },
    conversations: { conversation: "lobby" },
  };
  let feedReads = 0;
  const deps: ActivityRecorderDeps = {
    ...{ clock, startedAt: clock.now(), counts },
    facts: () => ({
      ...{ url: "http://here", version: "0", engine: "embedded", store: { up: true } },
      ...{ open_conversations: 1, open_streams: 0, event_readers: 0 },
    }),
    connections: () => [slow],
    connectionsIn: () => 1,
    readFeed: async () => {
      feedReads++;
      throw new Error("The store is away.");
    },
  };
  return { clock, counts, slow, recorder: new ActivityRecorder(deps), feedReads: () => feedReads };
}

test("OP1 nothing is counted before somebody watches, and nothing any more ten seconds after the last one did", () => {
  const { clock, counts, recorder, feedReads } = openRecorder();
  clock.advance(60_000);
  expect([counts.observer, recorder.read(), feedReads()]).toEqual([undefined, undefined, 0]);
  recorder.watch();
  expect(counts.observer).toBeDefined();
  expect(recorder.read()).toBeUndefined();
  clock.advance(1_000);
  counts.observer!.message("anna", "lobby", 2);
  expect(recorder.read()).toMatchObject({
    busiest_conversations: [{ conversation: "lobby", messages: 1, connections: 1 }],
    busiest_users: [{ user: "anna", messages: 1 }],
  });
  clock.advance(WATCH_MS - 2_000);
  recorder.watch();
  clock.advance(WATCH_MS - 1_000);
  expect(counts.observer).toBeDefined();
  clock.advance(2_000);
  expect([counts.observer, recorder.read()]).toEqual([undefined, undefined]);
  const reads = feedReads();
  clock.advance(60_000);
  expect(feedReads()).toBe(reads);
});

test("OP1 a slow reader is slow since it was found, and is forgotten when it has read", () => {
  const { clock, slow, recorder } = openRecorder();
  recorder.watch();
  const look = () => {
    recorder.watch();
    clock.advance(1_000);
    return recorder.read()!.slow_readers;
  };
  expect(look()).toEqual([]);
  slow.unsentBytes = 65_537;
  const [first] = look();
  expect(first).toEqual({
    connection: "k3x9",
    user: "ben",
    conversation: "lobby",
    unsent_bytes: 65_537,
    since: clock.wall(),
  });
  look();
  expect(look()[0]!.since).toBe(first!.since);
  slow.unsentBytes = 0;
  expect(look()).toEqual([]);
  slow.unsentBytes = 70_000;
  expect(look()[0]!.since).toBeGreaterThan(first!.since);
  recorder.stop();
});
