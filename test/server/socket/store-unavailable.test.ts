import { expect, test } from "bun:test";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type { EpochListener } from "../../../src/core/ports/message-log.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A server whose store a test can make unavailable, wholly or for writing only, and let lose delivered messages. */
async function startWithFrailStore() {
  const clock = new ManualClock(Date.now());
  const watchers = new Set<(ready: boolean) => void>();
  const lossWatchers = new Set<EpochListener>();
  const state = { ready: true, quota: true, head: true };
  const fail = () => Promise.reject(new Error("the store is away"));
  const frail = (engine: Engine): Engine =>
    overrideEngine(engine, {
      ready: () => state.ready,
      watchReady(watcher) {
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
      watchEpoch(watcher) {
        lossWatchers.add(watcher);
        return () => lossWatchers.delete(watcher);
      },
      quota: (user, limit) => (state.quota ? engine.quota(user, limit) : fail()),
      page: (...page) => (state.ready ? engine.page(...page) : fail()),
      head: (conversation) => (state.head ? engine.head(conversation) : fail()),
    });
  const server = await startTestServer({ clock, wrapEngine: frail });
  const address = async (user: string, query = "") =>
    `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}${query}`;
  return {
    server,
    clock,
    connect: async (user: string) => TestClient.connect(await address(user)),
    open: async (user: string, query?: string) => TestClient.open(await address(user, query)),
    openUser: async (user: string) =>
      TestClient.open(`${server.wsUrl}/ws/${user}?token=${await server.token(user)}`),
    /** `reads`: false for a read that fails. */
    set(ready: boolean, reads: { quota?: boolean; head?: boolean } = {}) {
      Object.assign(state, { ready, quota: true, head: true, ...reads });
      for (const watcher of watchers) watcher(ready);
    },
    lose(seq: number) {
      for (const watcher of lossWatchers) watcher("lobby", seq, "another.0");
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("L3 clients are notified when the store becomes unavailable and when it is back, also new ones", async () => {
  await using frail = await startWithFrailStore();
  await using anna = await frail.connect("anna");
  frail.set(false);
  await anna.next("degraded");
  expect((await fetch(`${frail.server.url}/readyz`)).status).toBe(503);
  await using ben = await frail.connect("ben");
  expect(ben.frames[0]?.type).toBe("welcome");
  await ben.next("degraded");
  frail.clock.advance(1_000);
  frail.set(true);
  await Promise.all([anna.next("recovered"), ben.next("recovered")]);
  await using cleo = await frail.connect("cleo");
  await cleo.settled();
  expect(cleo.of("degraded")).toEqual([]);
});

test("L3 an unstable store is reported once a second, with its state at that time", async () => {
  await using frail = await startWithFrailStore();
  await using anna = await frail.connect("anna");
  for (let i = 0; i < 50; i++) {
    frail.set(i % 2 === 1);
    frail.clock.advance(20);
  }
  frail.set(true);
  frail.clock.advance(2_000);
  await anna.settled();
  const reported = anna.frames.map(({ type }) => type).filter((type) => /^(degraded|recovered)$/.test(type));
  expect(reported).toEqual(["degraded", "recovered"]);
});

test("L3 M5 a client that cannot be admitted without the store gets that reason, and may reconnect", async () => {
  await using frail = await startWithFrailStore();
  frail.set(false, { quota: false });
  await using anna = await frail.open("anna");
  expect(await anna.next("error")).toMatchObject({ code: "unavailable" });
  expect(await anna.next("closing")).toMatchObject({ code: 1013, reconnect: true });
  expect(await anna.closed).toMatchObject({ code: 1013 });
  expect(frail.server.log.entries.filter(({ event }) => event === "connection.failed")).toEqual([]);
});

const UNAVAILABLE = {
  code: "unavailable",
  message: "The store cannot be reached now. Reconnect in a moment.",
} as const;

test("L3 M5 a client is notified when the store fails while the client catches up, and nothing is an internal error", async () => {
  await using frail = await startWithFrailStore();
  {
    await using anna = await frail.connect("anna");
    anna.send({ type: "message", text: "missed" });
    await anna.next("ack");
  }
  frail.set(false);
  await using ben = await frail.open("ben", "&after=0");
  expect(await ben.next("error")).toEqual({ type: "error", ...UNAVAILABLE });
  expect(await ben.next("closing")).toMatchObject({ code: 1013, reconnect: true });
  expect(await ben.closed).toMatchObject({ code: 1013 });
  await using carl = await frail.openUser("carl");
  await carl.next("welcome");
  carl.send({ type: "open", conversations: [{ conversation: "lobby", after: 0 }] });
  await carl.next("opened");
  const { message } = UNAVAILABLE;
  expect(await carl.next("closed")).toEqual({
    type: "closed",
    conversation: "lobby",
    code: "behind",
    message,
    retry_after: 1,
  });
  // A mark that the store cannot take is no error of the server's either, and the socket stays open.
  frail.set(false, { head: false });
  carl.send({ type: "read", conversation: "lobby", seq: 1, epoch: "another.0" });
  // The answer to a ping: the socket is open.
  await carl.settled();
  expect(frail.server.log.entries.filter(({ event }) => event === "connection.failed")).toEqual([]);
});

test("D5 clients that have seen lost messages have to reconnect", async () => {
  await using frail = await startWithFrailStore();
  await using anna = await frail.connect("anna");
  anna.send({ type: "message", text: "one" });
  await anna.next("ack");
  frail.lose(0);
  expect(await anna.next("closing")).toMatchObject({ code: 1012, reconnect: true, retry_after: 1 });
  expect(await anna.closed).toMatchObject({ code: 1012 });
});
