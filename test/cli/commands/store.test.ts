// `parley store new-epoch`: what a returning client receives after an older copy of the store was restored.
import { expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TestClient } from "../../support/clients/test-client.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { SECRET } from "../../support/server/test-server.ts";
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
  expect(beside).toMatchObject({ code: 1, stdout: "" });
  expect(beside.stderr).toContain("is in use by another Parley server. Stop that one");
  await stop(second);

  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  const unsure = await folder.run(COMMAND, { env: ENV });
  expect(unsure).toMatchObject({ code: 1, stdout: "" });
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

test("D5 on Redis, running nodes close their connections, and returning clients see the new epoch", async () => {
  await using redis = await startRedis();
  await using folder = new ParleyFolder();
  const env = { ...ENV, REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redis.port}` };
  const node = await folder.serve([], env);
  const { client, welcome: before } = await enter(folder, node, env);
  await post(client, "1", "2", "3");

  const elsewhere = await folder.run([...COMMAND, "--yes"], { env: { ...env, REDIS_PREFIX: "other" } });
  expect(elsewhere).toMatchObject({ code: 1, stdout: "" });
  expect(elsewhere.stderr).toContain("holds no store under the prefix other");
  const done = await folder.run([...COMMAND, "--yes"], { env });
  expect(done).toMatchObject({ code: 0, stderr: "" });

  expect(await client.next("closing")).toMatchObject({ code: 1012, reconnect: true });
  const { welcome } = await enter(folder, node, env, `&after=3&epoch=${before.epoch}`);
  expect(welcome).toMatchObject({ resumed: false, seq: 3, epoch: `${epochIn(done.stdout)}.0` });
});
