// `parley store new-epoch`: what a returning client receives after an older copy of the store was restored.

import { expect, test } from "bun:test";
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RedisClient } from "bun";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { SECRET } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder, type Running } from "../parley-folder.ts";

const COMMAND = ["store", "new-epoch"];
const ENV = { SECRET_KEY: SECRET, TOKEN_LIFETIME: "3600" };

/** Opens anna's socket to the lobby, coming back with `query` where there is one. */
async function enter(folder: ParleyFolder, { url }: Running, env: Record<string, string>, query = "") {
  const { stdout } = await folder.run(["token", "anna"], { env });
  const address = `${url.replace(/^http/, "ws")}/ws/anna/lobby?token=${stdout.trim()}${query}`;
  const client = TestClient.open(address);
  return { client, welcome: await client.next("welcome") };
}

async function post(client: TestClient, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    client.send({ type: "message", text: id, id });
    await client.next("ack");
  }
}

async function stop({ process }: Running): Promise<void> {
  process.kill("SIGTERM");
  await process.exited;
}

const epochIn = (stdout: string) => /^The new epoch is (\S+)\. /.exec(stdout)?.[1];

test("D5 after a restore, a client that has seen newer messages is notified, however many were added since", async () => {
  await using folder = new ParleyFolder();
  const [data, copy] = [join(folder.path, "data"), join(folder.path, "copy")];
  const first = await folder.serve([], ENV);
  const { client: early } = await enter(folder, first, ENV);
  await post(early, "1", "2", "3");
  await stop(first);
  cpSync(data, copy, { recursive: true });

  const second = await folder.serve([], ENV);
  const { client: late, welcome: before } = await enter(folder, second, ENV);
  await post(late, "lost 1", "lost 2");
  const beside = await folder.run([...COMMAND, "--yes"], { env: ENV });
  const inUse = `parley: A server runs on ${data}, or another command works on it. Stop it, then run this again.\n`;
  expect(beside).toMatchObject({ code: 1, stdout: "", stderr: inUse });
  await stop(second);

  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  const unsure = await folder.run(COMMAND, { env: ENV });
  expect(unsure).toMatchObject({ code: 2, stdout: "" });
  expect(unsure.stderr).toContain("add --yes");
  const done = await folder.run([...COMMAND, "--yes"], { env: ENV });
  expect(done).toMatchObject({ code: 0, stderr: `store: ${data}\n` });
  const epoch = epochIn(done.stdout);
  expect(epoch).not.toBe(before.epoch);

  const third = await folder.serve([], ENV);
  const { client: other } = await enter(folder, third, ENV);
  await post(other, "4", "5", "6", "7");
  const { client, welcome } = await enter(folder, third, ENV, `&after=5&epoch=${before.epoch}`);
  expect(welcome).toMatchObject({ resumed: false, seq: 7, epoch: `${epoch}.0` });
  client.send({ type: "history" });
  const { messages } = await client.next("history");
  expect(messages.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
});

test("D5 a snapshot of Redis that is put back is the store again, and clients learn what it lacks, on nodes old and new", async () => {
  await using redis = await startRedis();
  await using folder = new ParleyFolder();
  await using later = new ParleyFolder();
  const env = { ...ENV, REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redis.port}` };
  const node = await folder.serve([], env);
  const { client: early, welcome: before } = await enter(folder, node, env);
  await post(early, "1", "2", "3");
  early.send({ type: "edit", seq: 2, text: "edited" });
  await early.next("ack");
  await folder.run(["user", "add", "ben", "--plan", "basic", "--password-stdin"], {
    env,
    stdin: "correct horse\n",
  });

  const commands = new RedisClient(redis.url);
  await commands.send("BGSAVE", []);
  await waitUntil("the snapshot is written", async () => {
    const info = String(await commands.send("INFO", ["persistence"]));
    return /rdb_bgsave_in_progress:0/.test(info) && existsSync(join(redis.folder, "dump.rdb"));
  });
  commands.close();
  const [file, copy] = [join(redis.folder, "dump.rdb"), join(folder.path, "dump.rdb")];
  cpSync(file, copy);
  await post(early, "lost 1", "lost 2");
  await folder.run(["user", "remove", "ben", "--yes"], { env });

  await redis.kill();
  rmSync(file);
  cpSync(copy, file);
  await redis.restart();
  const elsewhere = await folder.run([...COMMAND, "--yes"], { env: { ...env, REDIS_PREFIX: "other" } });
  expect(elsewhere).toMatchObject({ code: 1, stdout: "" });
  expect(elsewhere.stderr).toContain("holds no store under the prefix other");
  // The node was there all the time; one that starts now remembers nothing.
  const done = await folder.run([...COMMAND, "--yes"], { env });
  expect(done).toMatchObject({ code: 0, stderr: "" });
  const epoch = epochIn(done.stdout);
  expect(`${epoch}.0`).not.toBe(before.epoch);
  expect(await early.next("closing")).toMatchObject({ code: 1012, reconnect: true });
  const started = await later.serve([], env);
  const clients = [];
  for (const running of [node, started]) {
    const entered = await enter(folder, running, env, `&after=5&epoch=${before.epoch}`);
    expect(entered.welcome).toMatchObject({ resumed: false, epoch: `${epoch}.0` });
    clients.push(entered.client);
  }
  const [old, fresh] = clients as [TestClient, TestClient];
  // Numbers that were lost are used again, also for a message that was lost and is sent again.
  await post(old, "lost 2");
  await post(fresh, "4");
  for (const client of clients) {
    client.send({ type: "history" });
    const { messages } = await client.next("history");
    expect(messages.map(({ seq, id, text }) => [seq, id, text])).toEqual([
      [1, "1", "1"],
      [2, "2", "edited"],
      [3, "3", "3"],
      [4, "lost 2", "lost 2"],
      [5, "4", "4"],
    ]);
  }
  const { stdout: users } = await folder.run(["user", "list"], { env });
  expect(users).toMatch(/^ben +basic/m);
});
