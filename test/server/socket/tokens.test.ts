import { expect, test } from "bun:test";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const LEEWAY = 30;

async function connect(server: TestServer, token: string, conversation = "lobby"): Promise<TestClient> {
  return TestClient.connect(`${server.wsUrl}/ws/anna/${conversation}?token=${token}`);
}

test("A2 a client is notified a minute before its token expires; without a new one it is closed with 4401", async () => {
  const clock = new ManualClock(Date.now());
  await using server = await startTestServer({
    clock,
    env: { INACTIVITY_TIMEOUT: "0", PING_INTERVAL: "3600" },
  });
  await using anna = await connect(server, await server.token("anna", { lifetime: 120 }));
  clock.advance((120 + LEEWAY - 60 - 2) * 1000);
  await anna.settled();
  expect(anna.of("warning")).toEqual([]);
  clock.advance(2_200);
  const warning = await anna.next("warning");
  expect(warning.code).toBe("token_expiring");
  expect(warning.seconds).toBeWithin(58, 60.001);
  clock.advance(60_200);
  expect((await anna.closed).code).toBe(4401);
  expect(anna.of("error")[0]).toMatchObject({ code: "token_expired" });
  expect(anna.of("closing")[0]).toMatchObject({ code: 4401, reconnect: false });
});

test("A2 I1 a `token` frame renews in place, and is not activity", async () => {
  const clock = new ManualClock(Date.now());
  await using server = await startTestServer({
    clock,
    env: { INACTIVITY_TIMEOUT: "600", PING_INTERVAL: "3600" },
  });
  await using anna = await connect(server, await server.token("anna", { lifetime: 120 }));
  clock.advance(80_000);
  anna.send({ type: "token", token: await server.token("anna", { lifetime: 1000 }) });
  const { expires_in } = await anna.next("token_accepted");
  expect(expires_in).toBeWithin(1000, 1000 + LEEWAY + 1);
  clock.advance(450_000);
  await anna.settled();
  expect(anna.of("warning")).toEqual([]);
  clock.advance(50_000);
  expect((await anna.next("warning")).code).toBe("inactivity");
});

test("A2 W3 a renewal for another user, or with an invalid token, is refused and changes nothing", async () => {
  await using server = await startTestServer();
  await using anna = await connect(server, await server.token("anna"));
  anna.send({ type: "token", token: await server.token("ben") });
  expect((await anna.next("error")).code).toBe("forbidden");
  anna.send({ type: "token", token: "nonsense" });
  expect((await anna.next("error")).code).toBe("unauthorized");
  const elsewhere = await signToken(server.keys, {
    subject: "anna",
    now: Date.now(),
    grants: { conversations: ["other"] },
  });
  anna.send({ type: "token", token: elsewhere });
  expect((await anna.next("error")).code).toBe("forbidden");
  anna.send({ type: "message", text: "still here" });
  await anna.next("ack");
});

test("A6 a token's conversations and rights are enforced, and the missing one is named", async () => {
  await using server = await startTestServer();
  const sign = (grants: object) => signToken(server.keys, { subject: "anna", now: Date.now(), grants });
  const teams = await sign({ conversations: ["team-*"] });
  await using inside = await connect(server, teams, "team-1");
  inside.send({ type: "message", text: "hello" });
  await inside.next("ack");
  await using outside = TestClient.open(`${server.wsUrl}/ws/anna/lobby?token=${teams}`);
  expect((await outside.closed).code).toBe(4403);
  expect(outside.of("error")[0]?.message).toContain("lobby");

  await using reader = await connect(server, await sign({ rights: ["read"] }));
  for (const frame of [
    { type: "message", text: "x", id: "m" },
    { type: "typing", active: true },
  ]) {
    reader.send(frame);
    expect(await reader.next("error")).toEqual({
      type: "error",
      code: "forbidden",
      message: "This token does not have the right `write`.",
      ...("id" in frame && { id: frame.id }),
    });
  }
  // To mark as read is a reader's.
  await using other = await connect(server, await sign({}));
  other.send({ type: "message", text: "x" });
  await reader.next("message");
  reader.send({ type: "read", seq: 1 });
  expect(await other.next("read")).toEqual({ type: "read", user: "anna", seq: 1 });
  expect(reader.of("error")).toHaveLength(2);
  reader.send({ type: "history" });
  await reader.next("history");
  await using writer = TestClient.open(
    `${server.wsUrl}/ws/anna/lobby?token=${await sign({ rights: ["write"] })}`,
  );
  expect((await writer.closed).code).toBe(4403);
});
