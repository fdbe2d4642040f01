// The story: an ACL user lacked RPUSH. Nodes started, scripts ended half way, and messages were acknowledged that were
// stored nowhere.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { connect } from "../../../../src/engine/redis/connection/connect.ts";
import { StoreMisconfigured } from "../../../../src/engine/redis/start-step.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { startRedis, type TestRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";

const SOURCE = join(import.meta.dir, "../../../../src/engine/redis");
const read = (folder: string, end: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .map((name) => [name, readFileSync(join(folder, name), "utf8")] as const);

/** Commands that `check-permissions.lua` tries. */
const tried = new Set(
  [
    ...readFileSync(join(SOURCE, "lua/connection/check-permissions.lua"), "utf8").matchAll(/\{ '([A-Z]+)'/g),
  ].map(([, name]) => name!),
);

/** Commands that nodes send outside of scripts; a missing permission for them interrupts no script. */
const ALONE = new Set(["NODES", "DISCONNECT", "PIPELINE", "BGREWRITEAOF", "PUBLISH", "SPUBLISH"]);

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.port, "127.0.0.1");
});
afterAll(async () => {
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});

/** The permissions from docs/OPERATIONS.md, except those in `without`. */
async function allow(...without: readonly string[]): Promise<void> {
  const rights = ["~*", "&*", "+@all", "-@admin", "-@dangerous", "+info", "+config|get"];
  const less = without.map((command) => `-${command.toLowerCase()}`);
  await admin.acl("SETUSER", "parley", "reset", "on", ">pw", ...rights, ...less);
}

const open = () =>
  connect({
    address: {
      kind: "standalone",
      hosts: [{ host: "127.0.0.1", port: redis.port }],
      tls: false,
      database: 0,
      username: "parley",
      password: "pw",
    },
    prefix: freshPrefix(),
    node: crypto.randomUUID(),
    timeoutMs: TIMEOUT_MS,
    clock: systemClock(),
    emit: new RecordedLog().emit,
  });

test("check-permissions.lua tries every command that a script or a node uses", () => {
  for (const [name, text] of read(join(SOURCE, "lua"), ".lua"))
    for (const [, command] of text.matchAll(/\bp?call\(['"]([A-Z]+)['"]/g))
      if (command !== "PUBLISH") expect([name, command, tried.has(command!)]).toEqual([name, command!, true]);
  for (const [name, text] of read(SOURCE, ".ts"))
    for (const [, method] of text.matchAll(/\bcommands\s*\.([a-z]+)\(/g)) {
      const command = method!.toUpperCase();
      if (!ALONE.has(command)) expect([name, command, tried.has(command)]).toEqual([name, command, true]);
    }
});

test("a start whose user lacks a command is rejected at once, with the name of the command", async () => {
  for (const command of [...tried, "EVALSHA", "PUBLISH", "SUBSCRIBE"]) {
    await allow(command);
    const refused = await open().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect([command, refused]).toEqual([command, expect.any(StoreMisconfigured)]);
    expect(String(refused)).toContain(`may not run ${command}`);
  }
});

test("L3 revoking a permission makes a running node unready, and granting it again makes it ready", async () => {
  await allow();
  const client = await open();
  try {
    await allow("rpush");
    client.recheck(await client.commands.rpush("list", "1").catch((error: unknown) => error));
    await waitUntil("notice", () => !client.ready);
    expect(client.lastErrorText).toContain("may not run RPUSH");
    await allow();
    await waitUntil("the permission is granted again", () => client.ready);
  } finally {
    await client.close();
  }
});
