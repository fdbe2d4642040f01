import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { filesWith, READABLE_FILES } from "../../engine/redis/support/files.ts";
import { longTest } from "../../support/long-test.ts";
import { withRedis } from "../../support/redis/connection.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { TEST_SECRET } from "../../support/server/tokens.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { NodeProcesses } from "../node-processes.ts";
import { ParleyFolder } from "../parley-folder.ts";

const NAME = "zelda.fitz-1931";
const SECRET = "secret-of-zelda";
const MESSAGES = 4_000;

/** Has the person and somebody else write MESSAGES, in turns. */
async function talk(post: (messages: object[]) => Promise<Response>): Promise<void> {
  for (let i = 0; i < MESSAGES; i += 100) {
    const messages = Array.from({ length: 100 }, (_, n) => ({
      ...{ conversation: "lobby", id: `m${i + n}`, text: n % 2 === 0 ? `${SECRET} ${i + n}` : "of others" },
      from: n % 2 === 0 ? NAME : "bob",
    }));
    expect((await post(messages)).status).toBe(200);
  }
}

test("PD2 PD4 an erasure goes on after kill -9 of the server, clients see it, and commands and HTTP show the same", async () => {
  await using folder = new ParleyFolder();
  const [manager, reader] = [newApiKey(), newApiKey()];
  const env = {
    API_KEYS: `ops:${hashOfApiKey(manager)}:read+write+manage,reader:${hashOfApiKey(reader)}:read+write`,
    DEMO_ACCOUNTS: "false",
    BURST_RATE: "0",
  };
  const data = join(folder.path, "data");
  const namesIn = () =>
    readdirSync(data).filter((file) => {
      const bytes = readFileSync(join(data, file));
      return bytes.includes(NAME) || bytes.includes(SECRET);
    });
  let server = await folder.serve([], env);
  const send = (key: string, method: string, path: string, body?: object) =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  await folder.run(["user", "add", NAME, "--password-stdin"], { stdin: "correct horse\n" });
  await talk((messages) => send(manager, "POST", "/messages", messages));
  const command = await folder.run(["user", "export", NAME]);
  const lines = command.stdout.trim().split("\n");
  expect(lines.length).toBeGreaterThan(MESSAGES / 2);
  expect(JSON.parse(lines.at(-1)!)).toEqual({ type: "end", records: lines.length - 2 });
  const exported = await send(manager, "GET", `/users/${NAME}/export`);
  expect(await exported.json()).toEqual({
    ...{ user: NAME, at: expect.any(Number) },
    records: lines.slice(1, -1).map((line) => JSON.parse(line)),
  });
  expect((await send(reader, "GET", `/users/${NAME}/export`)).status).toBe(403);
  expect((await send(reader, "POST", `/users/${NAME}/erase`)).status).toBe(403);

  const { stdout: token } = await folder.run(["token", "bob"]);
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/bob/lobby?token=${token.trim()}`);
  const changes: { seq: number; kind: string; set: Record<string, unknown> }[] = [];
  socket.onmessage = ({ data: text }) => {
    const frame = JSON.parse(String(text));
    if (frame.type === "change") changes.push(frame);
  };
  // Its answer is lost with the server.
  void send(manager, "POST", `/users/${NAME}/erase`).catch(() => {});
  let id = "";
  await waitUntil("the erasure is in the middle of the messages", () => {
    using db = new Database(join(data, "parley.db"), { readonly: true });
    const row = db.query("select id, record from erasure").get() as { id: string; record: string } | null;
    id = row?.id ?? "";
    return row !== null && JSON.parse(row.record).step === "messages" && changes.length > 0;
  });
  server.process.kill("SIGKILL");
  await server.process.exited;
  expect(changes[0]).toMatchObject({ kind: "erase", set: { from: "~erased", text: "" } });
  expect(namesIn()).not.toEqual([]);

  server = await folder.serve([], env);
  const report = async () => (await send(manager, "GET", `/erasures/${id}`)).json();
  let last: { state?: string } = {};
  await waitUntil("the erasure has ended", async () => {
    last = (await report()) as { state?: string };
    return last.state === "done";
  });
  expect(last).toMatchObject({
    id,
    state: "done",
    started_at: expect.any(Number),
    ended_at: expect.any(Number),
  });
  // The end is stored before the last page with the name is written over.
  await waitUntil("no file has the name", () => namesIn().length === 0);
  expect(server.output().stdout + server.output().stderr).not.toContain(NAME);
  expect((await send(manager, "GET", "/erasures/unknown")).status).toBe(404);

  // The same by a command, while the server runs, and without it.
  const again = await folder.run(["user", "erase", NAME, "--yes", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ state: "done", erased: {} });
  expect((await folder.run(["user", "erase", NAME])).stderr).toContain("add --yes if you are sure");
  server.process.kill("SIGTERM");
  await server.process.exited;
  const offline = await folder.run(["user", "erase", "bob", "--yes"]);
  expect(offline).toMatchObject({ code: 0, stdout: expect.stringContaining(`${MESSAGES / 2} messages`) });
  const rest = await folder.run(["user", "export", "bob"]);
  expect(rest.stdout.trim().split("\n")).toHaveLength(2);
}, 120_000);

longTest(
  "PD2 PD4 on Redis another node goes on with the erasure of a node that was killed, and files that Redis then writes have nothing",
  async () => {
    await using redis = await startRedis(READABLE_FILES);
    const key = newApiKey();
    const lease = "parley:{all}:task:persons:lease";
    await using nodes = await NodeProcesses.start(2, () => ({
      ...{ REDIS_URL: redis.url, SECRET_KEY: TEST_SECRET, DEMO_ACCOUNTS: "false", LOG_LEVEL: "error" },
      ...{ API_KEYS: `ops:${hashOfApiKey(key)}:read+write+manage`, BURST_RATE: "0" },
    }));
    const send = (node: number, method: string, path: string, body?: object) =>
      fetch(nodes.url(node) + path, {
        method,
        headers: { authorization: `Bearer ${key}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    await talk((messages) => send(0, "POST", "/messages", messages));
    // Its answer may be lost with the node.
    void send(0, "POST", `/users/${NAME}/erase`).catch(() => {});
    const record = async () => {
      const all = await withRedis(redis.port, (client) => client.hgetall("parley:{all}:persons"));
      return Object.entries(all).map(([id, text]) => ({ id, ...JSON.parse(text) }))[0];
    };
    const page = async (node: number) =>
      (await (await send(node, "GET", "/conversations/lobby/messages?limit=200")).json()) as {
        messages: { from: string; text: string; erased?: object }[];
      };
    let carrying = -1;
    await waitUntil("a node is in the middle of the messages", async () => {
      carrying = await nodes.carrying(() => withRedis(redis.port, (client) => client.get(lease)), key);
      return ["messages", "purge"].includes((await record()).step);
    });
    await nodes.stop(carrying, "SIGKILL");
    const { id, user } = await record();
    expect(user).toBe(NAME);
    // As if the time of the dead node's lease were over.
    await withRedis(redis.port, (client) => client.del(lease));
    const other = 1 - carrying;
    await waitUntil("the other node has ended it", async () => {
      const report = (await (await send(other, "GET", `/erasures/${id}`)).json()) as { state: string };
      return report.state === "done";
    });
    for (const { from, text } of (await page(other)).messages)
      expect([from, text]).toEqual(text === "of others" ? ["bob", text] : ["~erased", ""]);
    await withRedis(redis.port, async (client) => {
      await client.bgrewriteaof();
      await client.save().catch(() => {});
    });
    await waitUntil("no file of Redis has the name or a text", async () => {
      await withRedis(redis.port, (client) => client.save());
      return filesWith(redis.folder, [NAME, SECRET]).length === 0;
    });
    expect(filesWith(redis.folder, ["of others"])).toContain("dump.rdb");
  },
  120_000,
);
