import { describe, expect, test } from "bun:test";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { join } from "../../support/clients/join.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const HOUR = 3_600_000;
const QUIET = { PING_INTERVAL: "3600" };

/** A server whose machine has a clock that a test sets. */
async function start(ahead = 0, env: Record<string, string> = {}) {
  const clock = new ManualClock(Date.now());
  clock.step(ahead);
  const server = await startTestServer({ clock, env: { ...QUIET, ...env } });
  return { clock, server, [Symbol.asyncDispose]: () => server.stop() };
}

async function me(server: TestServer, token: string): Promise<number> {
  const answer = await fetch(`${server.url}/me`, { headers: { Authorization: `Bearer ${token}` } });
  return answer.status;
}

describe("the machine's clock is changed while the server runs", () => {
  test("I2 a step forward closes no connection; it is logged", async () => {
    await using all = await start();
    const { clock, server } = all;
    await using anna = await join(server);
    clock.step(400_000);
    clock.advance(2_000);
    anna.send({ type: "message", text: "I am here" });
    const { at } = await anna.next("ack");
    expect(at).toBe(clock.wall());
    await anna.settled();
    expect(anna.of("closing")).toEqual([]);
    expect(anna.of("warning")).toEqual([]);
    expect(
      server.log.entries.filter(({ event }) => event === "clock.stepped").map(({ fields }) => fields.seconds),
    ).toEqual([400]);
    clock.advance(270_200);
    expect((await anna.next("warning")).code).toBe("inactivity");
    clock.advance(30_000);
    expect((await anna.closed).code).toBe(4408);
  });

  test("A2 a step beyond the end of a token causes a warning before the close", async () => {
    await using all = await start(0, { INACTIVITY_TIMEOUT: "0" });
    const { clock, server } = all;
    await using anna = await join(server);
    clock.step(10 * HOUR);
    clock.advance(1_200);
    await anna.settled();
    expect(await anna.next("warning")).toMatchObject({ code: "token_expiring" });
    clock.advance(58_000);
    await anna.settled();
    expect(anna.of("closing")).toEqual([]);
    anna.send({ type: "token", token: await server.token("anna") });
    await anna.next("error");
    clock.advance(3_000);
    expect((await anna.closed).code).toBe(4401);
  });

  test("A1 after a start with a fast clock, valid tokens are accepted once it is right, and ours have the right times", async () => {
    await using all = await start(2 * HOUR, { DEMO_ACCOUNTS: "true" });
    const { clock, server } = all;
    const right = await server.token("anna");
    expect(await me(server, right)).toBe(401);
    clock.step(-2 * HOUR);
    expect(await me(server, right)).toBe(200);
    clock.advance(1_000);
    const form = new URLSearchParams({ username: "user1", password: "password" });
    const answer = await fetch(`${server.url}/token`, { method: "POST", body: form });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const { iat, exp } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
    expect(Math.abs(iat - clock.wall() / 1000)).toBeLessThan(1);
    expect(exp - iat).toBeGreaterThan(1799);
    expect(await me(server, token)).toBe(200);
    await using anna = await TestClient.connect(`${server.wsUrl}/ws/anna/lobby?token=${right}`);
    const [one] = anna.of("welcome")[0]!.present;
    expect(one?.since).toBe(clock.wall());
    anna.send({ type: "message", text: "x" });
    expect((await anna.next("ack")).at).toBe(clock.wall());
    expect(
      server.log.entries.filter(({ event }) => event === "clock.stepped").map(({ fields }) => fields.seconds),
    ).toEqual([-7200]);
  });

  test("A1 an expired token is refused after the step; a clock set back moves no token into the future", async () => {
    await using all = await start();
    const { clock, server } = all;
    const token = await server.token("anna");
    clock.step(HOUR);
    expect(await me(server, token)).toBe(401);
    const later = await signToken(server.keys, { subject: "anna", now: clock.wall() });
    clock.step(-2 * HOUR);
    expect([await me(server, token), await me(server, later)]).toEqual([200, 200]);
    const future = await signToken(server.keys, { subject: "anna", now: clock.latest() + 60_000 });
    expect(await me(server, future)).toBe(401);
  });

  test("Q1 no step grants a quota twice", async () => {
    await using all = await start(0, { PLANS: "free:3:5" });
    const { clock, server } = all;
    await using anna = await join(server);
    const post = async () => {
      for (let i = 0; i < 3; i++) anna.send({ type: "message", text: "x" });
      await anna.settled();
      await anna.settled();
      return [anna.of("ack").length, anna.of("error").filter(({ code }) => code === "rate_limited").length];
    };
    expect(await post()).toEqual([3, 0]);
    clock.step(-2 * HOUR);
    expect(await post()).toEqual([3, 3]);
    clock.step(2 * HOUR);
    expect(await post()).toEqual([3, 6]);
    clock.step(HOUR + 60_000);
    expect(await post()).toEqual([6, 6]);
    clock.step(-HOUR - 60_000);
    expect(await post()).toEqual([6, 9]);
  });

  test("P1 joins and leaves have the time of the current clock", async () => {
    await using all = await start(2 * HOUR);
    const { clock, server } = all;
    clock.step(-2 * HOUR);
    await using anna = await join(server);
    const ben = await join(server, "ben");
    expect((await anna.next("presence")).at).toBe(clock.wall());
    clock.advance(5_000);
    ben.socket.close();
    await ben.closed;
    expect(await anna.next("presence")).toEqual({
      type: "presence",
      user: "ben",
      state: "left",
      at: clock.wall(),
    });
  });
});
