import { expect, test } from "bun:test";
import { join } from "../../../support/clients/join.ts";
import { startTestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

test("P1 a reconnect within the grace is not a leave and a join; after it the user has left", async () => {
  const clock = new ManualClock(Date.now());
  await using server = await startTestServer({ clock, env: { PRESENCE_GRACE: "5" } });
  await using anna = await join(server, "anna");
  const first = await join(server, "ben");
  await anna.next("presence");
  await first[Symbol.asyncDispose]();
  clock.advance(4_500);
  const second = await join(server, "ben");
  await second[Symbol.asyncDispose]();
  await anna.settled();
  expect(anna.of("presence")).toHaveLength(1);
  await using cleo = await join(server, "cleo");
  expect(cleo.of("welcome")[0]?.present.map(({ user }) => user)).toEqual(["anna", "ben", "cleo"]);
  await anna.next("presence");
  clock.advance(5_250);
  expect(await anna.next("presence")).toMatchObject({ user: "ben", state: "left" });
  expect(await cleo.next("presence")).toMatchObject({ user: "ben", state: "left" });
});

test("P3 typing is sent to others, ends with the message, and expires after six seconds", async () => {
  const clock = new ManualClock(Date.now());
  await using server = await startTestServer({ clock, env: { PRESENCE_GRACE: "5" } });
  await using anna = await join(server, "anna");
  await using ben = await join(server, "ben");
  await using tab = await join(server, "ben");
  ben.send({ type: "typing", active: true });
  expect(await anna.next("typing")).toEqual({ type: "typing", user: "ben", active: true });
  clock.advance(1_000);
  ben.send({ type: "message", text: "there" });
  expect(await anna.next("typing")).toEqual({ type: "typing", user: "ben", active: false });
  clock.advance(1_000);
  ben.send({ type: "typing", active: true });
  expect((await anna.next("typing")).active).toBe(true);
  clock.advance(6_250);
  expect((await anna.next("typing")).active).toBe(false);
  await tab.settled();
  expect(tab.of("typing")).toEqual([]);
});

test("P4 read marks move forward only, are sent to others, and are in the welcome", async () => {
  await using server = await startTestServer();
  await using anna = await join(server, "anna");
  await using ben = await join(server, "ben");
  for (const text of ["one", "two", "three"]) anna.send({ type: "message", text });
  while (ben.of("message").length < 3) await ben.next("message");
  ben.send({ type: "read", seq: 2 });
  expect(await anna.next("read")).toEqual({ type: "read", user: "ben", seq: 2 });
  ben.send({ type: "read", seq: 1 });
  ben.send({ type: "read", seq: 99 });
  ben.send({ type: "read", seq: 3 });
  expect(await anna.next("read")).toEqual({ type: "read", user: "ben", seq: 3 });
  await ben.settled();
  expect(ben.of("read")).toEqual([]);
  await using cleo = await join(server, "cleo");
  expect(cleo.of("welcome")[0]?.present.map(({ user, read }) => [user, read])).toEqual([
    ["anna", undefined],
    ["ben", 3],
    ["cleo", undefined],
  ]);
});
