import { expect, test } from "bun:test";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type { EpochListener } from "../../../src/core/ports/message-log.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A server whose store can be made to go away, wholly or for writing only, and to lose what a room was shown. */
async function startWithFrailStore() {
  const clock = new ManualClock(Date.now());
  const watchers = new Set<(ready: boolean) => void>();
  const lossWatchers = new Set<EpochListener>();
  const state = { ready: true, readable: true };
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
      quota: (user, limit) => (state.readable ? engine.quota(user, limit) : fail()),
    });
  const server = await startTestServer({ clock, wrapEngine: frail });
  const address = async (user: string) =>
    `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}`;
  return {
    server,
    clock,
    connect: async (user: string) => TestClient.connect(await address(user)),
    open: async (user: string) => TestClient.open(await address(user)),
    set(ready: boolean, readable = true) {
      Object.assign(state, { ready, readable });
      for (const watcher of watchers) watcher(ready);
    },
    lose(seq: number) {
      for (const watcher of lossWatchers) watcher("lobby", seq, "another.0");
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("L3 everybody is told when the store goes away and when it is back, and who comes meanwhile is too", async () => {
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

test("L3 a store that flaps is told once a second, as it stands then", async () => {
  await using frail = await startWithFrailStore();
  await using anna = await frail.connect("anna");
  for (let i = 0; i < 50; i++) {
    frail.set(i % 2 === 1);
    frail.clock.advance(20);
  }
  frail.set(true);
  frail.clock.advance(2_000);
  await anna.settled();
  const told = anna.frames.map(({ type }) => type).filter((type) => /^(degraded|recovered)$/.test(type));
  expect(told).toEqual(["degraded", "recovered"]);
});

test("L3 M5 who cannot be let in while the store is away is told so, and to come back", async () => {
  await using frail = await startWithFrailStore();
  frail.set(false, false);
  await using anna = await frail.open("anna");
  expect(await anna.next("error")).toMatchObject({ code: "unavailable" });
  expect(await anna.next("closing")).toMatchObject({ code: 1013, reconnect: true });
  expect(await anna.closed).toMatchObject({ code: 1013 });
  expect(frail.server.log.entries.filter(({ event }) => event === "connection.failed")).toEqual([]);
});

test("D5 who was shown what the store has lost is made to come back", async () => {
  await using frail = await startWithFrailStore();
  await using anna = await frail.connect("anna");
  anna.send({ type: "message", text: "one" });
  await anna.next("ack");
  frail.lose(0);
  expect(await anna.next("closing")).toMatchObject({ code: 1012, reconnect: true, retry_after: 1 });
  expect(await anna.closed).toMatchObject({ code: 1012 });
});
