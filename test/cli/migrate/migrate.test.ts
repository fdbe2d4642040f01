// `parley migrate`: what nodes on Redis answer is what the embedded server has answered, and a move that was cut off goes on.
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorLines } from "../../../src/cli/cli-error.ts";
import { type MigrateFlags, migrate } from "../../../src/cli/migrate/migrate.ts";
import { progressLine } from "../../../src/cli/migrate/progress.ts";
import { connect } from "../../../src/client/index.ts";
import { CARRIED_TABLES, CARRIED_VALUES, NOT_CARRIED } from "../../../src/core/migration/inventory.ts";
import { Keys } from "../../../src/engine/redis/connection/keys.ts";
import { STORE_FILE } from "../../../src/engine/sqlite/folder/file-names.ts";
import { lockFolder } from "../../../src/engine/sqlite/folder/lock.ts";
import { settleStore } from "../../../src/engine/sqlite/migration/settle.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { NAME } from "../../contracts/person/life.ts";
import { API_KEYS, KEYS } from "../../server/operator/operator-api.ts";
import { keepOpen, reaches } from "../../support/clients/library.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { freePort } from "../../support/free-port.ts";
import { isLong } from "../../support/random.ts";
import { startRedisCluster } from "../../support/redis/cluster.ts";
import { withRedis } from "../../support/redis/connection.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { SECRET, startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";
import { answers } from "./answers.ts";
import { fillStore, storeOptions } from "./filled-store.ts";

setDefaultTimeout(120_000);
/** What servers and the command have; nothing is left out. */
const ENV = {
  ...{ API_KEYS, SECRET_KEY: SECRET, PLANS: "free:1000:50", BURST_RATE: "0" },
  ...{ CONVERSATION_ACCESS: "anyone", RETENTION_MESSAGES: "0", RETENTION_DAYS: "0" },
};

let redis: TestRedis;
/** A store with everything in it; every test moves a copy. */
const filled = mkdtempSync(join(tmpdir(), "parley-filled-"));
beforeAll(async () => {
  redis = await startRedis();
  const store = await openSqlite(storeOptions(filled));
  await fillStore(store, filled);
  await store.close();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  rmSync(filled, { recursive: true, force: true });
});

/** A copy of the filled store in a folder of the command line. */
function copyTo(folder: ParleyFolder): string {
  const data = join(folder.path, "data");
  cpSync(filled, data, { recursive: true });
  return data;
}

async function command(folder: ParleyFolder, prefix: string, args: string[] = [], env = {}) {
  const all = { ...ENV, REDIS_PREFIX: prefix, ...env };
  return folder.run(["migrate", "--to", redis.url, "--yes", ...args], { env: all });
}

/** Where a move is killed: each one goes on from the one before. */
const KILLED_AT = [
  ["messages", 1],
  ["conversations", 4],
  ...(isLong ? ([["users", 3]] as const) : []),
  ["check", 1],
] as const;

/** Begins to move a folder, or goes on, until it is killed in the middle. */
async function killAt(dataDir: string, prefix: string, phase: string, done: number): Promise<void> {
  const program = join(import.meta.dir, "migrate-until.ts");
  const env = { ...ENV, DATA_DIR: dataDir, REDIS_PREFIX: prefix, PATH: process.env.PATH };
  const running = Bun.spawn([process.execPath, "--no-env-file", program, redis.url, phase, String(done)], {
    ...{ env, stdout: "ignore", stderr: "inherit" },
  });
  await running.exited;
  expect(running.signalCode).toBe("SIGKILL");
}

describe("OP4 a store with everything in it", () => {
  const folder = new ParleyFolder();
  let before: Map<string, unknown>;
  let after: Map<string, unknown>;
  let refusedNode: Awaited<ReturnType<typeof command>>;
  let moved: Awaited<ReturnType<typeof command>>;
  let welcomed: { readonly seq: number; readonly epoch: string };
  let welcome: unknown;
  let received: readonly string[];
  let events: { readonly type: string; readonly events?: { readonly since: number } }[];

  beforeAll(async () => {
    const data = copyTo(folder);
    // A move ends open streams. It is done before here, so that the embedded server can be asked for the same.
    await settleStore(storeOptions(data));
    const env = { ...ENV, PORT: String(await freePort()) };
    const embedded = await startTestServer({ env: { ...env, DATA_DIR: data } });
    const token = await embedded.token("user-1");
    const operator = async (server: TestServer, path: string, body?: object) => {
      const headers = { Authorization: `Bearer ${KEYS.ops}` };
      const send = body && { method: "POST", body: JSON.stringify(body) };
      return (await fetch(`${server.url}${path}`, { headers, ...send })).json() as Promise<never>;
    };
    const parley = connect({ url: embedded.url, token });
    const lobby = parley.conversation("lobby");
    const ids: string[] = [];
    keepOpen(lobby);
    await reaches(lobby, "live");
    lobby.on("message", ({ id }) => ids.push(id));
    const socket = TestClient.open(`${embedded.wsUrl}/ws/user-1/lobby?token=${token}`);
    welcomed = await socket.next("welcome");
    await socket[Symbol.asyncDispose]();
    const { position } = await operator(embedded, "/events?limit=1");
    before = await answers(embedded, false);
    await embedded.stop();

    for (const point of KILLED_AT) await killAt(data, "whole", point[0], point[1]);
    refusedNode = await folder.run(["serve"], {
      env: { ...env, REDIS_URL: redis.url, REDIS_PREFIX: "whole" },
    });
    // The server had its key from a file, as it is by default.
    folder.write("data/secret.key", SECRET);
    moved = await command(folder, "whole", [], { SECRET_KEY: "" });
    const node = await startTestServer({ env: { ...env, REDIS_URL: redis.url, REDIS_PREFIX: "whole" } });
    try {
      await reaches(lobby, "live");
      after = await answers(node, true);
      const back = `${node.wsUrl}/ws/user-1/lobby?token=${token}&after=${welcomed.seq - 3}&epoch=${welcomed.epoch}`;
      await using again = TestClient.open(back);
      welcome = await again.next("welcome");
      await operator(node, "/conversations/lobby/messages", {
        from: "user-2",
        text: "after the move",
        id: "new",
      });
      await waitUntil("the library has the new message", () => ids.includes("new"));
      received = ids;
      ({ events } = await operator(node, `/events?limit=10&after=${encodeURIComponent(position)}`));
      await parley.close();
    } finally {
      await node.stop();
    }
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test("OP4 no node starts on a target before the move that was killed has ended", () => {
    expect(refusedNode.code).toBe(1);
    expect(refusedNode.stderr).toContain("has a store that is not whole");
  });

  test("OP4 is moved, read back, and what is not carried is said", () => {
    expect(moved).toMatchObject({ code: 0 });
    expect(moved.stdout).toContain("by number and checksum of each conversation");
    for (const { what, effect } of NOT_CARRIED)
      if (effect !== "None.") expect(moved.stdout).toContain(`${what}: ${effect}`);
    expect(moved.stderr).toContain("Set appendonly yes.");
    const key = join(folder.path, "data/secret.key");
    expect(moved.stdout).toEndWith(
      `\nStart the servers with REDIS_URL now, and each with these settings:\n  SECRET_KEY=$(cat ${key})\n  REDIS_PREFIX=whole\n  RETENTION_MESSAGES=0\n  RETENTION_DAYS=0\nThe folder is left as it is, with a new epoch: a server that is started on it again is another store.\n`,
    );
  });

  test("OP4 a server that lacks the retention of the move would remove messages, and does not start", async () => {
    const env = { ...ENV, REDIS_URL: redis.url, REDIS_PREFIX: "whole", RETENTION_MESSAGES: "", PORT: "0" };
    const refused = await folder.run(["serve"], { env });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain(
      "This store was moved here with RETENTION_MESSAGES=0, and without that messages would be removed now",
    );
  });

  test("OP4 every answer over HTTP is the one of the embedded server", () => {
    const statuses = [...before.values()].map((each) => (each as { status: number }).status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(60);
    for (const [what, answer] of before) expect({ what, answer: after.get(what) }).toEqual({ what, answer });
    const lobby = JSON.stringify(before.get("/conversations/lobby/messages?limit=200"));
    for (const part of ['"state":"interrupted"', '"erased"', '"reactions"', '"edited"', '"reply_to"'])
      expect(lobby).toContain(part);
  });

  test("OP4 the list of a user still says what it has left", async () => {
    const key = new Keys("whole").userKey(NAME, "former");
    const former = await withRedis(redis.port, (connection) => connection.hgetall(key));
    expect(Object.keys(former)).toContain("left");
  });

  test("OP4 clients come back to their place, and the feed says that it lacks events", () => {
    expect(welcome).toMatchObject({ resumed: true, seq: welcomed.seq, epoch: welcomed.epoch });
    expect(received).toEqual(["new"]);
    expect(events.map(({ type }) => type)).toEqual(["events.lost", "message.created"]);
    expect(events[0]!.events!.since).toBeGreaterThan(0);
  });

  test("OP4 the folder has a new epoch, so clients that return to it notice", async () => {
    const data = join(folder.path, "data");
    await using old = await startTestServer({ env: { ...ENV, DATA_DIR: data } });
    const token = await old.token("user-1");
    const { seq, epoch } = welcomed;
    await using client = TestClient.open(
      `${old.wsUrl}/ws/user-1/lobby?token=${token}&after=${seq}&epoch=${epoch}`,
    );
    expect(await client.next("welcome")).toMatchObject({ resumed: false });
  });
});

test("OP4 every table and value of a store is carried, or named as not carried", () => {
  const db = new Database(join(filled, STORE_FILE), { readonly: true });
  const names = (sql: string) => (db.query(sql).all() as { name: string }[]).map(({ name }) => name).sort();
  const tables = names("select name from sqlite_schema where type = 'table'");
  expect(tables).toEqual([...CARRIED_TABLES, ...NOT_CARRIED.flatMap((each) => each.tables)].sort());
  const named = NOT_CARRIED.flatMap(({ values = [] }) => values);
  const forgotten = names("select key as name from meta").filter(
    (key) => !CARRIED_VALUES.some((each) => each === key) && !named.some((each) => key.startsWith(each)),
  );
  db.close();
  expect(forgotten).toEqual([]);
});

describe("OP4 a move is refused in words", () => {
  /** Runs it in this process; resolves with why it was refused. */
  async function refusal(
    env: Record<string, string>,
    to = redis.url,
    flags: MigrateFlags = {},
  ): Promise<string> {
    const read = readSettings({ env: { ...ENV, DATA_DIR: filled, ...env } });
    if ("problems" in read) throw new Error(read.problems.join());
    const watch = { confirm: async () => {}, show() {}, end() {} };
    try {
      await migrate(read.settings, { to, ...flags }, watch);
    } catch (error) {
      return errorLines(error).join(" ");
    }
    return "not refused";
  }

  function change(dataDir: string, sql: string): void {
    using db = new Database(join(dataDir, STORE_FILE));
    db.run(sql);
  }

  test("where the target has something", async () => {
    await withRedis(redis.port, async (connection) => {
      await connection.set("full:{all}:accounts", "x");
      expect(await refusal({ REDIS_PREFIX: "full" })).toContain(
        "not empty: it has the key full:{all}:accounts",
      );
      expect(await refusal({ REDIS_PREFIX: "full" }, redis.url, { restart: true })).toContain("not empty");
      expect(await connection.get("full:{all}:accounts")).toBe("x");
      // A store of Parley may be the one that was moved.
      await connection.set("full:{all}:epoch", "x");
      for (const REDIS_PREFIX of ["full", "whole"])
        expect(await refusal({ REDIS_PREFIX })).toStartWith("The target already has a Parley store. If your");
    });
  });

  test("while a server runs on the folder, and where there is none", async () => {
    const held = lockFolder(filled);
    expect(await refusal({ REDIS_PREFIX: "held" })).toBe(
      `A server runs on ${filled}, or another command works on it. Stop it, then run this again.`,
    );
    held.release();
    expect(await refusal({ DATA_DIR: "/nowhere" })).toContain("There is no store in /nowhere");
  });

  test("where messages would be left out by a default, or the memory does not suffice", async () => {
    const unset = { RETENTION_MESSAGES: "", RETENTION_DAYS: "" };
    await using small = await startRedis();
    await using folder = new ParleyFolder();
    const data = copyTo(folder);
    await withRedis(small.port, async (connection) => {
      await connection.config("SET", "maxmemory-policy", "noeviction");
      const used = Number(/used_memory:(\d+)/.exec(await connection.info("memory"))![1]);
      await connection.config("SET", "maxmemory", used + 10_000_000);
      change(
        data,
        `insert into conversation (id) with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000)
         select 'room-' || i from n`,
      );
      expect(await refusal({ DATA_DIR: data }, small.url)).toContain("are missing. Raise maxmemory");
      await connection.config("SET", "maxmemory", 0, "maxmemory-policy", "allkeys-lru");
      expect(await refusal({}, small.url)).toContain("maxmemory-policy is allkeys-lru");
    });
    change(data, "update message set at = at - 40 * 86400000");
    expect(await refusal({ ...unset, DATA_DIR: data })).toContain(
      "would be left out. Set RETENTION_MESSAGES",
    );
    // A dry run counts all of them, and says the same.
    const { code, stdout } = await command(folder, "dry-left-out", ["--dry-run", "--json"], unset);
    const report = JSON.parse(stdout);
    expect({ code, report }).toMatchObject({ code: 0, report: { carried: { leftOut: 0 } } });
    expect(report.carried.messages).toBeGreaterThan(100);
    expect(report.warnings.join()).toContain("would be left out. Set RETENTION_MESSAGES");
  });

  test("where the store was changed since the move was begun; --restart begins again", async () => {
    await using folder = new ParleyFolder();
    const data = copyTo(folder);
    await killAt(data, "changed", "conversations", 2);
    const db = new Database(join(data, STORE_FILE));
    db.run("update conversation set revision = revision + 1");
    db.close();
    const env = { DATA_DIR: data, REDIS_PREFIX: "changed" };
    expect(await refusal(env)).toContain("the store was changed since");
    expect(await refusal(env, redis.url, { restart: true })).toBe("not refused");
  });

  test("where what was read back differs, and the target stays unusable", async () => {
    await using folder = new ParleyFolder();
    const data = copyTo(folder);
    await killAt(data, "differs", "check", 1);
    await withRedis(redis.port, async (connection) => {
      const keyOf = async (end: string) => (await connection.keys(`differs:*${end}`))[0]!;
      const log = await keyOf("c:lobby:log");
      await connection.xdel(log, (await connection.xrange(log, "-", "+", "COUNT", 9))[8]![0]);
      await connection.hset(await keyOf("c:team:members"), "intruder", "2 0 0 0");
      await connection.hdel(
        await keyOf("c:club:ids"),
        ...(await connection.hkeys(await keyOf("c:club:ids"))),
      );
    });
    const { code, stderr } = await command(folder, "differs");
    expect(code).toBe(1);
    expect(stderr).toMatch(/lobby: \d+ messages instead of \d+/);
    expect(stderr).toMatch(/c:team:members: \d+ values instead of \d+/);
    expect(stderr).toMatch(/club: \d+ messages are not found by their ids/);
    await withRedis(redis.port, async (connection) => {
      expect(await connection.exists("differs:{all}:migration")).toBe(1);
    });
  });

  test.skipIf(!isLong)("where the target is a replica", async () => {
    await using replica = await startRedis(["--replicaof", "127.0.0.1", String(redis.port)]);
    expect(await refusal({}, replica.url)).toMatch(/replica|READONLY/i);
  });
});

test("OP4 the progress says how much is left", () => {
  const progress = { phase: "messages" as const, what: "messages", done: 250_000, of: 1_000_000 };
  expect(progressLine(progress, 50_000, 4)).toBe(
    "[######..................] 25 % messages 250,000 of 1,000,000, 50,000 a second, 15 s left",
  );
  expect(progressLine({ ...progress, done: 0, of: 0 }, 0, 0)).toStartWith("[########################] 100 %");
});

test("OP4 --dry-run counts and estimates beside a server, and writes nothing", async () => {
  await using folder = new ParleyFolder();
  const data = copyTo(folder);
  const held = lockFolder(data);
  const { code, stdout } = await command(folder, "dry", ["--dry-run", "--json"]);
  held.release();
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    dry_run: true,
    written: 0,
    carried: { streams: 2, webhooks: 1, apiKeys: 1 },
  });
  expect(report.memory_bytes).toBeGreaterThan(report.carried.messages * 200);
  await withRedis(redis.port, async (connection) => {
    const keys = (await connection.keys("dry:*")).filter((key) => !key.endsWith(":probe"));
    expect(keys).toEqual([]);
  });
});

test.skipIf(!isLong)("OP4 to a Redis Cluster, the answers are the same", async () => {
  await using cluster = await startRedisCluster();
  await using folder = new ParleyFolder();
  const data = copyTo(folder);
  await settleStore(storeOptions(data));
  const embedded = await startTestServer({ env: { ...ENV, DATA_DIR: data } });
  const before = await answers(embedded, false);
  await embedded.stop();
  const { code, stderr } = await folder.run(["migrate", "--to", cluster.url, "--yes"], { env: ENV });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  await using node = await startTestServer({ env: { ...ENV, REDIS_URL: cluster.url } });
  const after = await answers(node, true);
  for (const [what, answer] of before) expect({ what, answer: after.get(what) }).toEqual({ what, answer });
});
