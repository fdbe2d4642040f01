// What others do while `parley migrate` runs: nothing that they change is lost, and nothing is mixed.
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorLines } from "../../../src/cli/cli-error.ts";
import { type MigrateFlags, type MigrationWatch, migrate } from "../../../src/cli/migrate/migrate.ts";
import { STORE_FILE } from "../../../src/engine/sqlite/folder/file-names.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { Life } from "../../contracts/person/life.ts";
import { withRedis } from "../../support/redis/connection.ts";
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts";
import { MAIN, ParleyFolder } from "../parley-folder.ts";
import { storeOptions } from "./filled-store.ts";

setDefaultTimeout(60_000);

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Makes a small store in a folder of the command line, and returns the folder of the store. */
async function makeStore(folder: ParleyFolder): Promise<string> {
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  const store = await openSqlite(storeOptions(dataDir));
  for (const text of ["one", "two"]) await new Life(store).post("lobby", "ann", text);
  await store.close();
  return dataDir;
}

interface Move {
  readonly to?: string;
  readonly dataDir: string;
  readonly prefix: string;
  readonly flags?: MigrateFlags;
  readonly watch?: Partial<MigrationWatch>;
}

/** Moves a folder in this process; resolves with why that was refused. */
async function move({ to = redis.url, dataDir, prefix, flags, watch }: Move): Promise<string> {
  const env = { DATA_DIR: dataDir, REDIS_PREFIX: prefix, RETENTION_MESSAGES: "0", RETENTION_DAYS: "0" };
  const read = readSettings({ env });
  if ("problems" in read) throw new Error(read.problems.join());
  const quiet = { confirm: async () => {}, show() {}, end() {} };
  try {
    await migrate(read.settings, { to, ...flags }, { ...quiet, ...watch });
  } catch (error) {
    return errorLines(error).join(" ");
  }
  return "moved";
}

test("OP4 commands refuse to write to a store that is being moved, and a change by one that was at work is seen", async () => {
  await using folder = new ParleyFolder();
  const dataDir = await makeStore(folder);
  let refused = "";
  const interfere: Partial<MigrationWatch> = {
    show({ phase }) {
      if (phase !== "check" || refused !== "") return;
      const env = { ...process.env, DATA_DIR: dataDir };
      const command = [process.execPath, "--no-env-file", MAIN, "revoke", "--user", "ann"];
      refused = Bun.spawnSync(command, { env, stderr: "pipe" }).stderr.toString();
      using db = new Database(join(dataDir, STORE_FILE));
      db.run("insert into meta (key, value) values ('late', '1')");
    },
  };
  expect(await move({ dataDir, prefix: "late", watch: interfere })).toStartWith(
    "The store was changed while it was moved",
  );
  expect(refused).toContain("is being moved (`parley migrate`)");
  const again = { dataDir, prefix: "late" };
  expect(await move(again)).toContain("the store was changed since");
  await withRedis(redis.port, async (connection) => {
    expect(await connection.exists("late:{all}:migration")).toBe(1);
    expect(await move({ ...again, flags: { restart: true } })).toBe("moved");
    expect(await connection.exists("late:{all}:migration")).toBe(0);
  });
  expect((await folder.run(["user", "list"], { env: { DATA_DIR: dataDir } })).code).toBe(0);
});

test("OP4 a target that was taken while the command asked is left as it is", async () => {
  await using folder = new ParleyFolder();
  await using other = new ParleyFolder();
  const dataDir = await makeStore(folder);
  await withRedis(redis.port, async (connection) => {
    // A server has registered, a command has made an account, a store is there.
    for (const [key, value] of [
      ["asked:{all}:nodes", "field"],
      ["asked:{all}:accounts", "field"],
      ["asked:{all}:epoch", ""],
    ] as const) {
      const put = () => (value === "" ? connection.set(key, "e") : connection.hset(key, value, "x"));
      const confirm = async () => void (await put());
      const refused = await move({ dataDir, prefix: "asked", watch: { confirm } });
      expect(refused).toMatch(/^The target (is not empty|already has a Parley store)/);
      expect((await connection.keys("asked:*")).filter((name) => !name.endsWith(":probe"))).toEqual([key]);
      await connection.del(key);
    }
    // Another folder was moved.
    const second = await makeStore(other);
    const asked = async () => {
      expect(await move({ dataDir: second, prefix: "asked" })).toBe("moved");
    };
    expect(await move({ dataDir, prefix: "asked", watch: { confirm: asked } })).toStartWith(
      "The target already has a Parley store",
    );
  });
});

test("OP4 two folders are not moved to one target at once, and --restart needs an unfinished move", async () => {
  await using folder = new ParleyFolder();
  await using other = new ParleyFolder();
  const dataDir = await makeStore(folder);
  const second = await makeStore(other);
  await withRedis(redis.port, async (connection) => {
    const [state, claim] = ["both:{all}:migration", "both:{all}:migration-claim"];
    const restart = { dataDir: second, prefix: "both", flags: { restart: true } } as const;
    // What a move from another folder that is at work has there.
    const others = {
      ...{ version: 1, source: "x", fingerprint: "f", epoch: "e", startedAt: 1 },
      phase: "users",
    };
    await connection.set(state, JSON.stringify(others));
    await connection.set(claim, "another folder", "PX", 60_000);
    await connection.set("both:{all}:accounts", "x");
    expect(await move(restart)).toStartWith("Another folder is being moved to Redis");
    expect(await connection.exists(state, claim, "both:{all}:accounts")).toBe(3);
    // It ends while the second one is asked: then nothing is removed.
    await connection.del(claim);
    const end = async () => void (await connection.del(state));
    expect(await move({ ...restart, watch: { confirm: end } })).toContain(
      "was changed since the command looked",
    );
    expect(await connection.exists("both:{all}:accounts")).toBe(1);
    // It was killed: its claim has ended.
    await connection.set(state, JSON.stringify(others));
    expect(await move(restart)).toBe("moved");
    expect(await connection.exists(state, claim, "both:{all}:accounts")).toBe(0);
    // A move whose claim another has taken meanwhile stops before it says that all is there.
    await connection.flushall();
    const taken = { show: ({ phase }: { phase: string }) => void (phase === "check" && steal()) };
    const steal = () => void connection.set(claim, "another folder").catch(() => {});
    expect(await move({ dataDir, prefix: "both", watch: taken })).toContain("has taken over Redis");
    expect(await connection.exists(state)).toBe(1);
  });
});

test("OP4 an error of Redis in the middle says what it is, and that the move goes on", async () => {
  await using folder = new ParleyFolder();
  await using lasting = await startRedis(["--appendonly", "yes"]);
  const request = { dataDir: await makeStore(folder), prefix: "cut", to: lasting.url };
  const goesOn =
    "The move has not ended: when that is mended, run the command again, and it goes on where it was.";
  let killed: Promise<void> | undefined;
  const kill = ({ phase }: { phase: string }) => {
    if (phase === "check") killed ??= lasting.kill();
  };
  const cut = await move({ ...request, watch: { show: kill } });
  expect(cut).toMatch(
    /^Redis at 127.0.0.1:\d+: (the connection to it was cut|it does not answer|nothing listens)/,
  );
  expect(cut).toEndWith(goesOn);
  await killed;
  await lasting.restart();
  await withRedis(lasting.port, async (connection) => {
    const fill = async () => void (await connection.config("SET", "maxmemory", "1"));
    expect(await move({ ...request, watch: { confirm: fill } })).toEndWith(
      `: its memory is full (maxmemory), so it takes no writes. ${goesOn}`,
    );
    await connection.config("SET", "maxmemory", "0");
  });
  expect(await move(request)).toBe("moved");
});
