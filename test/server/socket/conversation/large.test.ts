import { expect, test } from "bun:test";
import type { ServerFrame } from "../../../../src/protocol/server-frames.ts";
import { join } from "../../../support/clients/join.ts";
import type { TestClient } from "../../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";

/** Without the guards against floods, whose time is the manual clock's. */
const UNGUARDED = { BURST_RATE: "0" };

/** Names of users that sort as they joined. */
const names = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `user-${String(first + i).padStart(3, "0")}`);

/** Connects users one after the other, so that the order of their joins is known. */
async function joinAll(server: TestServer, users: readonly string[]): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (const user of users) clients.push(await join(server, user));
  return clients;
}

async function presencePage(
  server: TestServer,
  query = "",
): Promise<{ status: number; body: PresenceAnswer }> {
  const headers = { Authorization: `Bearer ${await server.token("anna")}` };
  const response = await fetch(`${server.url}/conversations/lobby/presence${query}`, { headers });
  return { status: response.status, body: (await response.json()) as PresenceAnswer };
}

interface PresenceAnswer {
  readonly present: readonly { readonly user: string }[];
  readonly present_count: number;
  readonly more: boolean;
  readonly cursor?: string;
  readonly code?: string;
}

/** Disconnects clients, and waits until the server has noticed. */
async function leaveAll(server: TestServer, clients: readonly TestClient[], left: number): Promise<void> {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await waitUntil(`${left} are left`, async () => (await presencePage(server)).body.present_count === left);
}

function framesOf(client: TestClient, ...types: readonly ServerFrame["type"][]): ServerFrame[] {
  return client.frames.filter(({ type }) => types.includes(type));
}

test("LR1 LR2 P1 from 101 users on only their number is sent, once a second, until 80 are left", async () => {
  const clock = new ManualClock();
  const start = clock.now();
  await using server = await startTestServer({ clock, env: UNGUARDED });
  await using anna = await join(server, "anna");
  const clients = await joinAll(server, names(1, 100));
  clock.advance(250);
  clients.push(...(await joinAll(server, names(101, 102))));
  const welcome = clients.at(-1)!.of("welcome")[0]!;
  expect(welcome.present_count).toBe(103);
  expect(welcome.present).toEqual([
    { user: "anna", since: start },
    ...names(1, 98).map((user) => ({ user, since: start })),
    { user: "user-102", since: start + 250 },
  ]);
  // 1,000 ms after the first number.
  clock.advance(750);
  clock.advance(250);
  await leaveAll(server, clients.splice(0, 20), 83);
  clock.advance(1_000);
  await leaveAll(server, clients.splice(0, 3), 80);
  clock.advance(1_000);
  clients.push(await join(server, "zoe"));
  await leaveAll(server, [clients.pop()!], 80);
  await anna.settled();
  const listed = [{ user: "anna", since: start }];
  for (const user of names(24, 100)) listed.push({ user, since: start });
  for (const user of names(101, 102)) listed.push({ user, since: start + 250 });
  expect(framesOf(anna, "presence", "presence_count")).toEqual([
    ...names(1, 99).map((user) => ({ type: "presence", user, state: "joined", at: start }) as const),
    { type: "presence_count", count: 101 },
    { type: "presence_count", count: 103 },
    { type: "presence_count", count: 83 },
    { type: "presence_count", count: 80, present: listed },
    { type: "presence", user: "zoe", state: "joined", at: start + 3_250 },
    { type: "presence", user: "zoe", state: "left", at: start + 3_250 },
  ]);
  await leaveAll(server, clients, 1);
});

test("LR1 GET …/presence pages all users, each once, in the order of their joins", async () => {
  const clock = new ManualClock();
  await using server = await startTestServer({ clock, env: UNGUARDED });
  await joinAll(server, names(1, 60));
  clock.advance(1_000);
  await joinAll(server, names(61, 130));
  const users: string[] = [];
  const sizes: [number, boolean][] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const { body } = await presencePage(server, `?limit=50${cursor && `&cursor=${cursor}`}`);
    expect(body.present_count).toBe(130);
    users.push(...body.present.map(({ user }) => user));
    sizes.push([body.present.length, body.more]);
    cursor = body.cursor;
  }
  expect(users).toEqual(names(1, 130));
  expect(sizes).toEqual([
    [50, true],
    [50, true],
    [30, false],
  ]);
  expect((await presencePage(server)).body.present).toHaveLength(100);
  for (const query of ["?limit=0", "?limit=201", "?limit=x", "?limit=1&limit=2", "?cursor=x", "?cursor="]) {
    const { status, body } = await presencePage(server, query);
    expect([query, status, body.code]).toEqual([query, 422, "invalid"]);
  }
});

test("LR3 in a large conversation a read mark is kept and shown to its user, and not announced to others", async () => {
  const clock = new ManualClock();
  await using server = await startTestServer({ clock, env: UNGUARDED });
  await using anna = await join(server, "anna");
  await using ben = await join(server, "ben");
  anna.send({ type: "message", text: "one" });
  await ben.next("message");
  await joinAll(server, names(1, 100));
  clock.advance(250);
  await using late = await join(server, "zoe");
  await using tab = await join(server, "zoe");
  late.send({ type: "read", seq: 1 });
  expect(await tab.next("read")).toEqual({ type: "read", user: "zoe", seq: 1 });
  ben.send({ type: "read", seq: 1 });
  await ben.settled();
  await using third = await join(server, "zoe");
  const marks = third.of("welcome")[0]!.present.filter(({ read }) => read !== undefined);
  expect(marks.map(({ user, read }) => [user, read])).toEqual([
    ["ben", 1],
    ["zoe", 1],
  ]);
  await Promise.all([anna.settled(), late.settled()]);
  expect([...anna.of("read"), ...late.of("read"), ...ben.of("read")]).toEqual([]);
});

test("LR3 LR4 five users at most are shown typing, and a quiet conversation sends a member 200 bytes a second at most", async () => {
  const clock = new ManualClock();
  await using server = await startTestServer({ clock, env: UNGUARDED });
  await using anna = await join(server, "anna");
  anna.send({ type: "message", text: "one" });
  await anna.next("ack");
  const users = names(1, 120);
  const clients = await joinAll(server, users);
  clock.advance(1_000);
  await anna.settled();
  const before = anna.frames.length;
  const seconds = 12;
  for (let i = 0; i < seconds * 4; i++) {
    // All of them type, stop, come, and send marks.
    for (const [n, client] of clients.entries()) client.send({ type: "typing", active: (i + n) % 9 < 6 });
    for (const client of clients) client.send({ type: "read", seq: 1 });
    const guest = await join(server, `guest-${i}`);
    await Promise.all([...clients.slice(0, 10).map((client) => client.settled()), guest.settled()]);
    clock.advance(250);
  }
  await anna.settled();
  const received = anna.frames.slice(before).filter(({ type }) => type !== "pong");
  const shown = new Set<string>();
  let most = 0;
  for (const frame of received) {
    if (frame.type === "typing") shown[frame.active ? "add" : "delete"](frame.user);
    most = Math.max(most, shown.size);
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(5);
  expect(new Set(received.map(({ type }) => type))).toEqual(new Set(["typing", "presence_count"]));
  const bytes = received.reduce((sum, frame) => sum + JSON.stringify(frame).length + 2, 0);
  expect(bytes).toBeLessThanOrEqual(200 * seconds);
});
