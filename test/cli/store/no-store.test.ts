// Commands in a folder without a store, and next to a server whose key they do not have.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { isLong } from "../../support/random.ts";
import { startRedis } from "../../support/redis/redis-server.ts";
import { SECRET } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";

/** Every command that works on the store. */
const CALLS = [
  ["user", "add", "carol", "--password-stdin"],
  ["user", "list"],
  ["user", "show", "carol"],
  ["user", "set-plan", "carol", "basic"],
  ["user", "set-password", "carol", "--password-stdin"],
  ["user", "disable", "carol"],
  ["user", "enable", "carol"],
  ["user", "remove", "carol"],
  ["conversation", "list"],
  ["conversation", "show", "lobby"],
  ["conversation", "export", "lobby"],
  ["conversation", "remove", "lobby", "--yes"],
  ["conversation", "retain", "lobby", "--days", "3"],
  ["revoke", "--user", "carol"],
  ["revoke", "--token", "some-jti"],
  ["store", "new-epoch", "--yes"],
  ["token", "carol"],
];

test("a command creates no store: it names the folder without one, and how to choose another", async () => {
  await using folder = new ParleyFolder();
  const expected = (at: string) =>
    `parley: There is no store in ${at}; --data-dir (DATA_DIR) names another, and \`parley serve\` makes one.\n`;
  // All ask the same function; the short form takes one of each family, and the one that needs no account.
  for (const call of isLong
    ? CALLS
    : CALLS.filter(([, verb], index) => index > 12 || verb === "add" || verb === "list"))
    expect({ call, ...(await folder.run(call, { stdin: "correct horse\n" })) }).toEqual({
      call,
      code: 1,
      stdout: "",
      stderr: expected(join(folder.path, "data")),
    });
  expect(existsSync(join(folder.path, "data"))).toBe(false);

  mkdirSync(join(folder.path, "empty"));
  const inEmpty = await folder.run(["user", "list"], { env: { DATA_DIR: join(folder.path, "empty") } });
  expect(inEmpty).toEqual({ code: 1, stdout: "", stderr: expected(join(folder.path, "empty")) });
  expect(readdirSync(join(folder.path, "empty"))).toEqual([]);
});

longTest(
  "a change prints the store if that depends on the current folder, and not if it was given in full",
  async () => {
    await using folder = new ParleyFolder();
    const data = join(folder.path, "data");
    await folder.serve();
    const add = (user: string, ...args: string[]) =>
      folder.run(["user", "add", user, "--password-stdin", ...args], { stdin: "correct horse\n" });
    expect(await add("carol")).toMatchObject({ code: 0, stderr: `store: ${data}\n` });
    expect(await add("dora", "--data-dir", data)).toMatchObject({ code: 0, stderr: "" });
    expect(await folder.run(["user", "list"])).toMatchObject({ code: 0, stderr: "" });
  },
);

test("SEC-T4 `token` makes no key next to a server that has its key from its environment", async () => {
  await using folder = new ParleyFolder();
  await folder.serve([], { SECRET_KEY: SECRET });
  const path = join(folder.path, "data/secret.key");
  expect(await folder.run(["token", "carol"])).toEqual({
    code: 1,
    stdout: "",
    stderr: `parley: SECRET_KEY is not set here, and ${path} does not exist; give the server's SECRET_KEY.\n`,
  });
  expect(existsSync(path)).toBe(false);
  expect(await folder.run(["token", "carol"], { env: { SECRET_KEY: SECRET } })).toMatchObject({
    code: 0,
    stderr: "",
  });
});

test("SEC-T6 with SECRET_KEY `token` needs no store, and makes none", async () => {
  await using folder = new ParleyFolder();
  const { code, stdout, stderr } = await folder.run(["token", "carol"], { env: { SECRET_KEY: SECRET } });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `note: signed with SECRET_KEY without looking up an account: there is no store in ${folder.path}/data.\n`,
  });
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  expect(existsSync(join(folder.path, "data"))).toBe(false);
});

longTest("on Redis a change prints no folder", async () => {
  await using redis = await startRedis();
  await using folder = new ParleyFolder();
  const env = { SECRET_KEY: SECRET, REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redis.port}` };
  await folder.serve([], env);
  expect(await folder.run(["revoke", "--user", "ada"], { env })).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(join(folder.path, "data"))).toBe(false);
});
