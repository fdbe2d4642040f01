import { describe, expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { ask, disturb, nameOf, post, startFaultServer } from "./fault-server.ts";

describe("close", () => {
  test.each([
    [4408, "inactive", false, "inactive"],
    [4401, "token not valid", false, "unauthorized"],
    [4429, "flooding", false, "flooding"],
    [1011, "internal error", true, "internal"],
    [1012, "restarting", true, undefined],
    [1013, "too slow or overloaded", true, undefined],
    [1001, "going away", true, undefined],
    [1000, "normal closure", false, undefined],
    [4477, "refused (4477)", false, undefined],
  ])(
    "F3 %d closes like the server itself: %s, reconnect %p, error %p",
    async (code, reason, reconnect, error) => {
      await using bench = await startFaultServer();
      const { server } = bench;
      await using anna = await join(server, "anna");
      await disturb(server, anna, { do: "close", code });
      expect(await anna.closed).toEqual({ code, reason });
      expect(anna.frames.at(-1)).toEqual({ type: "closing", code, reason, reconnect });
      expect(anna.of("error").map((frame) => frame.code as string)).toEqual(
        error === undefined ? [] : [error],
      );
    },
  );

  test("F3 N4 with a chosen reason and time", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "close", code: 1012, reason: "Füße hoch", retry_after: 0.5 });
    expect(await anna.closed).toEqual({ code: 1012, reason: "Füße hoch" });
    expect(anna.of("closing")).toEqual([
      { type: "closing", code: 1012, reason: "Füße hoch", reconnect: true, retry_after: 0.5 },
    ]);
  });

  test("on a frozen connection the close waits behind earlier frames, and a cut does not wait", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using ben = await join(server, "ben");
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "freeze", seconds: 60 });
    await post(ben, "b1");
    await disturb(server, anna, { do: "close", code: 4403 });
    // Later frames are not kept for it.
    await post(ben, "b2");
    clock.advance(60_000);
    expect(await anna.closed).toMatchObject({ code: 4403 });
    expect(anna.frames.slice(-3).map(({ type }) => type)).toEqual(["message", "error", "closing"]);
    await using cut = await join(server, "anna");
    await disturb(server, cut, { do: "freeze", seconds: 60 });
    await disturb(server, cut, { do: "close", code: 4403 });
    await disturb(server, cut, { do: "cut" });
    expect(await cut.closed).toMatchObject({ code: 1006 });
  });
});

describe("jump", () => {
  test("I2 to the inactivity warning, and on to the close; another connection's clock does not change", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await using other = await join(server, "anna");
    await disturb(server, anna, { do: "jump", to: "inactivity_warning" });
    expect(await anna.next("warning")).toMatchObject({ code: "inactivity", seconds: 30 });
    await disturb(server, anna, { do: "jump", to: "inactivity" });
    expect(await anna.closed).toEqual({ code: 4408, reason: "inactive" });
    await other.settled();
    expect(other.of("warning")).toEqual([]);
    expect(other.of("closing")).toEqual([]);
  });

  test("I2 straight to the close: the warning still comes first, and activity after it restarts the time", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "jump", to: "inactivity_warning" });
    anna.send({ type: "activity" });
    await anna.settled();
    await disturb(server, anna, { do: "jump", seconds: 269 });
    await anna.settled();
    expect(anna.of("warning")).toHaveLength(1);
    anna.send({ type: "activity" });
    await anna.settled();
    await disturb(server, anna, { do: "jump", to: "inactivity" });
    expect(await anna.closed).toMatchObject({ code: 4408 });
    expect(anna.of("warning")).toHaveLength(2);
  });

  test("A2 to the token's warning: a renewed token lives its full time, and is not warned about again", async () => {
    await using bench = await startFaultServer({ TOKEN_LEEWAY: "0" });
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "jump", to: "token_expiring" });
    expect(await anna.next("warning")).toMatchObject({ code: "token_expiring", seconds: 60 });
    anna.send({ type: "token", token: await server.token("anna") });
    expect(await anna.next("token_accepted")).toEqual({ type: "token_accepted", expires_in: 1800 });
    clock.advance(1_000);
    await anna.settled();
    expect(anna.of("warning")).toHaveLength(1);
    expect(anna.of("closing")).toEqual([]);
  });

  test("A2 to the token's end: a warning, then a close with 4401; not for inactivity, though it is later", async () => {
    await using bench = await startFaultServer();
    const { server } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "jump", to: "token_expiry" });
    expect(await anna.closed).toMatchObject({ code: 4401 });
    expect(anna.of("warning").map(({ code }) => code)).toEqual(["token_expiring"]);
    expect(anna.of("error").map(({ code }) => code)).toEqual(["token_expired"]);
  });

  test("I3 pings that fall into jumps count as answered", async () => {
    await using bench = await startFaultServer();
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    for (let i = 0; i < 5; i++) await disturb(server, anna, { do: "jump", seconds: 50 });
    await anna.settled();
    expect(anna.of("closing")).toEqual([]);
    clock.advance(11_000);
    await anna.settled();
    expect(server.log.events()).not.toContain("connection.timed_out");
  });

  test("I2 after a jump the connection's time continues normally", async () => {
    await using bench = await startFaultServer({ PING_INTERVAL: "3600" });
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await disturb(server, anna, { do: "jump", seconds: 200 });
    clock.advance(69_800);
    await anna.settled();
    expect(anna.of("warning")).toEqual([]);
    clock.advance(300);
    expect(await anna.next("warning")).toMatchObject({ code: "inactivity" });
    clock.advance(30_000);
    expect(await anna.closed).toMatchObject({ code: 4408 });
  });

  test("a jump to an event that never comes is refused with the reason", async () => {
    await using bench = await startFaultServer({ INACTIVITY_TIMEOUT: "0" });
    const { server } = bench;
    await using anna = await join(server, "anna");
    const never = await ask(server, "anna", nameOf(anna), { do: "jump", to: "inactivity" });
    expect(never).toMatchObject({
      status: 422,
      body: { code: "invalid", detail: "INACTIVITY_TIMEOUT is 0: never." },
    });
    await disturb(server, anna, { do: "freeze", seconds: 5 });
    const frozen = await ask(server, "anna", nameOf(anna), { do: "jump", seconds: 1 });
    expect(frozen.body.detail).toBe("The connection is frozen; thaw it first.");
    await disturb(server, anna, { do: "thaw" });
  });
});

test("A1 an expired token is issued on request, and is refused on connecting and on renewal with its code", async () => {
  await using bench = await startFaultServer();
  const { server } = bench;
  await using anna = await join(server, "anna");
  const { token } = (await disturb(server, anna, { do: "expired_token" })) as { token: string };
  await using late = TestClient.open(`${server.wsUrl}/ws/anna/lobby?token=${token}`);
  expect(await late.closed).toMatchObject({ code: 4401 });
  expect(late.of("error")[0]?.code).toBe("token_expired");
  anna.send({ type: "token", token });
  expect(await anna.next("error")).toMatchObject({ code: "token_expired" });
  await anna.settled();
  expect(JSON.stringify(server.log.entries)).not.toContain(token);
});

describe("fill_quota", () => {
  test("Q1 Q4 later messages are refused until the charges expire, and none was posted", async () => {
    await using bench = await startFaultServer({ PLANS: "free:450:5", INACTIVITY_TIMEOUT: "0" });
    const { server, clock } = bench;
    await using anna = await join(server, "anna");
    await post(anna, "a1");
    const { quota } = await disturb(server, anna, { do: "fill_quota" });
    expect(quota).toMatchObject({ limit: 450, remaining: 0 });
    anna.send({ type: "message", id: "a2", text: "a2" });
    expect(await anna.next("error")).toMatchObject({
      code: "rate_limited",
      id: "a2",
      quota: { remaining: 0 },
    });
    expect(anna.of("message")).toHaveLength(1);
    // Again there is nothing to do.
    expect((await disturb(server, anna, { do: "fill_quota" })).quota).toMatchObject({ remaining: 0 });
    clock.jump(3_600_000);
    await using back = await join(server, "anna");
    expect(await post(back, "a2")).toBe(2);
  });

  test("a plan without limit cannot be filled", async () => {
    await using bench = await startFaultServer({ PLANS: "free:0:5" });
    const { server } = bench;
    await using anna = await join(server, "anna");
    const { status, body } = await ask(server, "anna", nameOf(anna), { do: "fill_quota" });
    expect([status, body.code]).toEqual([422, "invalid"]);
  });
});
