// Signing in, and using the sign-in, on any node that the load balancer chooses.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPasswords } from "../../../src/server/authentication/passwords.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { accountOf } from "../../support/server/test-server.ts";
import { startNodes, type TestNode } from "./cluster.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const PASSWORD = "correct horse";

/** Three nodes with an account `anna`, made at the first. */
async function begin() {
  const cluster = await startNodes(redis, 3);
  const hashing = await createPasswords({ cost: 4, queue: 1 }).hash(PASSWORD);
  if (hashing.outcome === "busy") throw new Error("A queue for one password was full.");
  await cluster.nodes[0].accounts.add(accountOf("anna", { passwordHash: hashing.hash }));
  return cluster;
}

interface Answer {
  readonly status: number;
  readonly body: { access_token: string; refresh_token: string; ticket: string };
}

async function post({ url }: TestNode, path: string, form: Record<string, string>, token = "") {
  const headers = new Headers(token === "" ? {} : { Authorization: `Bearer ${token}` });
  const init = { method: "POST", headers, body: new URLSearchParams(form) };
  const response = await fetch(`${url}${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) } as Answer;
}

const signIn = (node: TestNode, password: string, more: Record<string, string> = {}) =>
  post(node, "/token", { username: "anna", password, ...more });

test("SEC-T5 a refresh token is valid on every node; one that was used long ago ends the sign-in on all of them", async () => {
  await using cluster = await begin();
  const [a, b, c] = cluster.nodes;
  const refresh = (node: TestNode, token: string) =>
    post(node, "/token", { grant_type: "refresh_token", refresh_token: token });
  let { body } = await signIn(a, PASSWORD, { scope: "offline_access" });
  for (const node of [b, c, a]) {
    const next = await refresh(node, body.refresh_token);
    expect(next.status).toBe(200);
    body = next.body;
  }
  // Used tokens are not stored: a token with the family's id that is none of its valid ones was used.
  const used = `${body.refresh_token.slice(0, 22)}${"A".repeat(21)}`;
  expect((await refresh(b, used)).status).toBe(400);
  for (const node of cluster.nodes) expect((await refresh(node, body.refresh_token)).status).toBe(400);
});

// The story: requests that lost the race too often gave up, and got a reply as if the sign-in had ended.
test("SEC-T5 B2 of many simultaneous uses of one refresh token on all nodes, the surplus has to wait", async () => {
  await using cluster = await begin();
  const { body } = await signIn(cluster.nodes[0], PASSWORD, { scope: "offline_access" });
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      post(cluster.nodes[i % 3]!, "/token", {
        grant_type: "refresh_token",
        refresh_token: body.refresh_token,
      }),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  // The token of the sign-in counts as an issued one.
  expect(statuses).toEqual([...Array(7).fill(200), ...Array(17).fill(429)]);
});

test("A7 W3 a ticket from one node opens a socket at another, once", async () => {
  await using cluster = await begin();
  const [a, b, c] = cluster.nodes;
  const { body } = await signIn(a, PASSWORD);
  const { body: given } = await post(b, "/ticket", { conversation: "lobby" }, body.access_token);
  await using anna = await TestClient.connect(`${c.wsUrl}/ws/anna/lobby?ticket=${given.ticket}`);
  expect(anna.of("welcome")).toHaveLength(1);
  const again = TestClient.open(`${a.wsUrl}/ws/anna/lobby?ticket=${given.ticket}`);
  expect(await again.next("closing")).toMatchObject({ code: 4401 });
});

test("SEC-S3 failed attempts are counted together, on all nodes", async () => {
  await using cluster = await begin();
  const { nodes } = cluster;
  const statuses: number[] = [];
  for (let guess = 0; guess < 7; guess++)
    statuses.push((await signIn(nodes[guess % 3]!, `guess ${guess}`)).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  for (const node of nodes) expect((await signIn(node, PASSWORD)).status).toBe(429);
});

test("A3 SEC-T5 a user who signs out at one node is signed out at all of them", async () => {
  await using cluster = await begin();
  const [a, b, c] = cluster.nodes;
  const { body } = await signIn(a, PASSWORD);
  await using there = await TestClient.connect(`${b.wsUrl}/ws/anna/lobby?token=${body.access_token}`);
  expect((await post(c, "/logout", {}, body.access_token)).status).toBe(204);
  expect(await there.next("closing")).toMatchObject({ code: 4401 });
  for (const node of cluster.nodes)
    expect((await post(node, "/ticket", { conversation: "lobby" }, body.access_token)).status).toBe(401);
});
