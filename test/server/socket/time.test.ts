import { describe, expect, test } from "bun:test";
import { join, joinRaw } from "../../support/clients/join.ts";
import { OPCODE } from "../../support/clients/raw-socket.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** Lets time pass in steps short enough for a client to answer the pings that fall into them. */
async function pass(clock: ManualClock, milliseconds: number, client: TestClient): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 5_000) {
    clock.advance(Math.min(5_000, left));
    await client.settled();
  }
}

describe("I2 inactivity", () => {
  test("I2 the brief's 300 s: the welcome contains them, a warning comes 30 s before, and then 4408", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    await using anna = await join(server, "anna");
    expect(anna.of("welcome")[0]).toMatchObject({ inactivity: { timeout: 300, warning: 30 } });
    await pass(clock, 269_900, anna);
    expect(anna.of("warning")).toEqual([]);
    await pass(clock, 200, anna);
    const [warning] = anna.of("warning");
    expect(warning).toMatchObject({ code: "inactivity" });
    expect(warning?.seconds).toBeWithin(29.8, 30.01);
    await pass(clock, 29_700, anna);
    expect(anna.of("closing")).toEqual([]);
    clock.advance(300);
    expect(await anna.closed).toEqual({ code: 4408, reason: "inactive" });
    expect(anna.frames.slice(-2)).toEqual([
      expect.objectContaining({ type: "error", code: "inactive" }),
      { type: "closing", code: 4408, reason: "inactive", reconnect: false },
    ]);
    expect(server.log.events()).toContain("inactivity.warned");
    expect(server.log.entries).toContainEqual(
      expect.objectContaining({
        event: "connection.closing",
        fields: expect.objectContaining({ user: "anna", close_code: 4408, code: "inactive" }),
      }),
    );
  });

  test("I2 a short time-out has its warning at a tenth of it; any activity cancels, on that socket only", async () => {
    const clock = new ManualClock();
    const env = { INACTIVITY_TIMEOUT: "20", PING_INTERVAL: "3600" };
    await using server = await startTestServer({ clock, env });
    for (const frame of [{ type: "activity" }, { type: "message", text: "x" }, { type: "history" }]) {
      await using active = await join(server, "anna");
      await using quiet = await join(server, "ben");
      clock.advance(18_000);
      expect(await active.next("warning")).toMatchObject({ code: "inactivity", seconds: 2 });
      active.send(frame);
      await active.settled();
      if (frame.type === "message") await active.next("ack");
      if (frame.type === "history") await active.next("history");
      clock.advance(2_000);
      expect(await quiet.closed).toMatchObject({ code: 4408 });
      clock.advance(15_900);
      await active.settled();
      expect(active.of("warning")).toHaveLength(1);
      clock.advance(100);
      expect(await active.next("warning")).toMatchObject({ seconds: 2 });
      clock.advance(2_000);
      expect(await active.closed).toMatchObject({ code: 4408 });
    }
  });

  test("I1 others' messages, and pings of both kinds, are no activity", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock, env: { INACTIVITY_TIMEOUT: "20" } });
    await using ben = await join(server, "ben");
    await using raw = await joinRaw(server, "anna");
    for (let second = 0; second < 20; second++) {
      raw.send(OPCODE.ping, "");
      raw.send(OPCODE.pong, "");
      raw.sendJson({ type: "ping" });
      raw.send(OPCODE.text, "not json");
      ben.send({ type: "message", text: "x", id: `m${second}` });
      await ben.next("ack");
      await raw.waitUntil(() => raw.frames.filter(({ type }) => type === "error").length > second, "answer");
      clock.advance(1_000);
    }
    expect(await raw.waitForClose()).toMatchObject({ code: 4408 });
  });
});

describe("I3 RT-1 dead peers", () => {
  test("I3 RT-1 a client that receives all the time and sends nothing is cut off within 38 s, as lost", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock });
    await using ben = await join(server, "ben");
    await using dead = await joinRaw(server, "anna");
    let gone = false;
    void dead.closed.then(() => {
      gone = true;
    });
    let seconds = 0;
    for (; !gone && seconds < 60; seconds++) {
      clock.advance(1_000);
      ben.send({ type: "message", text: "are you there?", id: `m${seconds}` });
      await ben.next("ack");
      await ben.settled();
    }
    expect(seconds).toBeWithin(32, 40);
    expect(dead.pings).toBe(1);
    expect(dead.frames.filter(({ type }) => type === "message").length).toBeGreaterThan(30);
    expect(dead.frames.map(({ type }) => type)).not.toContain("closing");
    expect(server.log.events()).toContain("connection.timed_out");
    expect(ben.of("presence").at(-1)).toMatchObject({ user: "anna", state: "left" });
    // What it held is free again.
    await using back = await join(server, "anna");
    await back.settled();
  });

  test("I3 a client that only sends pongs stays", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({ clock, env: { INACTIVITY_TIMEOUT: "0" } });
    await using anna = await join(server, "anna");
    await pass(clock, 120_000, anna);
    await using raw = await joinRaw(server, "ben");
    for (let second = 0, answered = 0; second < 120; second++) {
      clock.advance(1_000);
      await anna.settled();
      for (; answered < raw.pings; answered++) raw.send(OPCODE.pong, "");
    }
    expect(raw.pings).toBeWithin(4, 6);
    expect(server.log.events()).not.toContain("connection.timed_out");
  });
});

describe("RT-10 the close handler runs within close()", () => {
  test("RT-10 the lease of a closed connection is free for the next one, even with a limit of one", async () => {
    const clock = new ManualClock();
    await using server = await startTestServer({
      clock,
      env: { PLANS: "free:100:1", INACTIVITY_TIMEOUT: "20", MAX_CONNECTIONS: "1" },
    });
    for (let i = 0; i < 3; i++) {
      await using inactive = await join(server, "anna");
      clock.advance(20_000);
      expect(await inactive.closed).toMatchObject({ code: 4408 });
      await using flooding = await join(server, "anna");
      for (let frame = 0; frame < 161; frame++) flooding.send({ type: "ping" });
      expect(await flooding.closed).toMatchObject({ code: 4429 });
    }
    expect(server.log.events()).not.toContain("connection.failed");
  });
});
