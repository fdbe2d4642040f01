// `parley backup` and `parley restore`: a copy beside a busy server, what it holds, and how both fail.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { redisStore } from "../../src/cli/store/redis-store.ts";
import { connect } from "../../src/client/index.ts";
import { hashOfApiKey, newApiKey } from "../../src/server/authentication/api-keys.ts";
import type { Settings } from "../../src/server/settings/settings.ts";
import { keepOpen, next, reaches } from "../support/clients/library.ts";
import { freePort } from "../support/free-port.ts";
import { isLong } from "../support/random.ts";
import { SECRET } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { ParleyFolder } from "./parley-folder.ts";

const ROOMS = ["lobby", "team", "news"];
const MANIFEST = "parley-backup.json";

/** The numbers of the messages in a backup, by conversation. */
function numbersIn(backup: string): Map<string, number[]> {
  const { file } = JSON.parse(readFileSync(join(backup, MANIFEST), "utf8"));
  using db = new Database(join(backup, file), { readonly: true });
  const rows = db
    .query(
      "select c.id, m.seq from message m join conversation c on c.number = m.conversation order by position",
    )
    .all() as { id: string; seq: number }[];
  return Map.groupBy(rows, ({ id }) => id) as never;
}

test("OP3 D5 a backup beside a busy server has all that was acked, and restores everything under a new epoch", async () => {
  await using folder = new ParleyFolder();
  const key = newApiKey();
  const port = await freePort();
  const env = {
    ...{ SECRET_KEY: SECRET, DEMO_ACCOUNTS: "false", BURST_RATE: "0", PORT: `${port}` },
    ...{ API_KEYS: `ops:${hashOfApiKey(key)}:read+write+manage`, WEBHOOK_ALLOW_PRIVATE: "true" },
  };
  const url = `http://127.0.0.1:${port}`;
  const first = await folder.serve([], env);
  const send = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect([path, response.status < 300 ? "" : await response.text()]).toEqual([path, ""]);
    return response.status === 204 ? {} : ((await response.json()) as Record<string, unknown>);
  };
  const acked = new Map(ROOMS.map((room) => [room, 0]));
  const post = async (room: string, texts: readonly string[]) => {
    const id = crypto.randomUUID();
    await send(
      "POST",
      "/messages",
      texts.map((text, i) => ({ conversation: room, from: "anna", id: `${id}.${i}`, text })),
    );
    acked.set(room, acked.get(room)! + texts.length);
  };

  await send("PUT", "/users/anna", { plan: "premium", password: "correct horse" });
  await send("PUT", "/users/ben", { plan: "basic", disabled: true });
  await send("PUT", "/conversations/team", { access: "members", title: "Team", data: { n: 1 } });
  await send("PUT", "/conversations/team/members/anna", { role: "owner" });
  await send("PUT", "/conversations/team/members/ben", { role: "member" });
  await send("POST", "/api-keys", { name: "crm", rights: ["read"] });
  const hook = await send("POST", "/webhooks", { url: "https://hooks.example.com/", types: ["member.*"] });
  // Its failed deliveries would go on changing it.
  await send("POST", `/webhooks/${hook.id}/pause`);
  await send("POST", "/revocations", { user: "eve" });
  for (const room of ROOMS) await post(room, ["one", "two", "three"]);

  const { stdout: token } = await folder.run(["token", "anna"], { env });
  const anna = connect({ url, token: token.trim() });
  const lobby = anna.conversation("lobby");
  keepOpen(lobby);
  await reaches(lobby, "live");
  await lobby.edit(1, { text: "edited" });
  await lobby.react(2, "👍");
  await lobby.erase(3);
  lobby.read(2);

  let isBusy = true;
  const load = Promise.all(
    ROOMS.map(async (room) => {
      while (isBusy) {
        await post(
          room,
          Array.from({ length: 20 }, (_, i) => `busy ${i}`),
        );
        // All of them are read and compared twice below: a backup that takes long must not make them some 100,000.
        await Bun.sleep(30);
      }
    }),
  );
  const during = join(folder.path, "during");
  const before = new Map(acked);
  const made = await folder.run(["backup", during, "--json"], { env });
  isBusy = false;
  await load;
  expect([made.code, made.stderr]).toEqual([0, ""]);
  for (const [room, seqs] of numbersIn(during)) {
    const numbers = seqs.map((row) => (row as unknown as { seq: number }).seq);
    // Each once and in order, none of those before the backup missing.
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(before.get(room)!);
    expect(numbers.length).toBeLessThanOrEqual(acked.get(room)!);
  }

  // A second one into the same folder, while nothing changes: what the server then says is what a restored one has to say.
  const again = await folder.run(["backup", during], { env });
  expect(again.stdout).toMatch(
    /^Backed up \d+ messages in 3 conversations and 2 accounts to .*, verified, in /,
  );
  expect(readdirSync(during).filter((name) => /^store-/.test(name))).toHaveLength(1);
  const state = async () => {
    const paths = ["/users/anna", "/users/ben", "/api-keys", "/webhooks", "/revocations", "/conversations"];
    const answers = await Promise.all(
      [...paths, "/conversations/team/members"].map((path) => send("GET", path)),
    );
    // A restored store is of another epoch, in which the first that waits is that events may be lost.
    for (const webhook of answers[3]!.webhooks as { waiting?: object }[]) delete webhook.waiting;
    const { records } = await send("GET", "/users/anna/export");
    const messages = ROOMS.map(async (room) => {
      const all: unknown[] = [];
      for (let after = 0; ; ) {
        const page = await send("GET", `/conversations/${room}/messages?after=${after}&limit=200`);
        all.push(...(page.messages as unknown[]));
        if (page.more !== true) return all;
        after = (page.messages as { seq: number }[]).at(-1)!.seq;
      }
    });
    return withoutMoments({ answers, records, messages: await Promise.all(messages) });
  };
  const then = await state();
  expect(JSON.stringify(then)).toMatch(/"edited".*👍/);
  await post("lobby", ["after the backup"]);
  await waitUntil("anna has the newest message", () => {
    const status = lobby.status.getSnapshot();
    return status.state === "live" && lobby.place?.seq === acked.get("lobby");
  });
  const lost = next(lobby, "lost");
  first.process.kill("SIGTERM");
  await first.process.exited;

  const other = { ...env, DATA_DIR: join(folder.path, "other") };
  const restored = await folder.run(["restore", during, "--json"], { env: other });
  expect([restored.code, restored.stderr]).toEqual([0, ""]);
  const { epoch, backup } = JSON.parse(restored.stdout);
  expect(epoch).not.toBe(backup.epoch);
  await folder.serve([], other);
  expect(await state()).toEqual(then);
  // The client has seen a message that is gone, and learns of it.
  expect(await lost).toMatchObject({ epoch: `${epoch}.0` });
  await anna.close();
}, 120_000);

/** Takes out what differs by the moment of asking. */
function withoutMoments<T>(value: T): T {
  const moments = new Set(["reset", "connections", "lag", "epoch"]);
  return JSON.parse(JSON.stringify(value, (name, part) => (moments.has(name) ? undefined : part)));
}

/** A folder with a store of some megabytes and no server, as a server that was stopped leaves it. */
async function stoppedStore(rows: number) {
  const folder = new ParleyFolder();
  const [data, backup] = [join(folder.path, "data"), join(folder.path, "backup")];
  const { process } = await folder.serve([], { DEMO_ACCOUNTS: "false" });
  process.kill("SIGTERM");
  await process.exited;
  using db = new Database(join(data, "parley.db"));
  db.run("insert into conversation (number, id) values (1, 'lobby')");
  db.query(
    `insert into message with recursive n (i) as (select 1 union all select i + 1 from n where i < ?)
       select i, 1, i, i, 'id' || i, 'anna', 'm', '"text":"' || hex(randomblob(60)) || '"', i from n`,
  ).run(rows);
  /** The epoch of the store, and how many messages it has: which store it is, and that it is whole. */
  const look = () => {
    using store = new Database(join(data, "parley.db"), { readonly: true });
    const [[check]] = store.query("pragma integrity_check").values() as [[string]];
    const [[epoch]] = store.query("select value from meta where key = 'epoch'").values() as [[string]];
    const [[count]] = store.query("select count(*) from message").values() as [[number]];
    return { check, epoch, count };
  };
  return { folder, data, backup, look, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** Starts a command and kills it with SIGKILL `ms` milliseconds after `file` appears. Returns whether it was killed. */
async function killed(
  folder: ParleyFolder,
  args: string[],
  file: () => boolean,
  ms: number,
): Promise<boolean> {
  const process = folder.start(args);
  const ended = process.exited.then(() => true);
  await waitUntil("the command has begun", async () => file() || (await Promise.race([ended, false])));
  await Bun.sleep(ms);
  process.kill("SIGKILL");
  await process.exited;
  return process.signalCode === "SIGKILL";
}

const hasMounts = Bun.spawnSync(["unshare", "-rm", "true"], {
  stdio: ["ignore", "ignore", "ignore"],
}).success;

test.skipIf(!hasMounts)(
  "OP3 a store on a read-only disk is backed up with what a crash left in its log",
  async () => {
    await using store = await stoppedStore(100);
    const { folder, data, backup } = store;
    // A connection that is open keeps the log, which is not yet in the file.
    using writer = new Database(join(data, "parley.db"));
    writer.run("pragma journal_mode = wal; pragma wal_autocheckpoint = 0");
    writer.run(`insert into message values (101, 1, 101, 7, 'newest', 'anna', 'm', '"text":"newest"', 1)`);
    const left = join(folder.path, "left");
    mkdirSync(left);
    for (const name of ["parley.db", "parley.db-wal"]) copyFileSync(join(data, name), join(left, name));
    const script = 'mount --bind left left && mount -o remount,bind,ro left && exec "$@"';
    const parley = [process.execPath, "--no-env-file", folder.program, "backup", backup];
    const ran = Bun.spawn(["unshare", "-rm", "sh", "-c", script, "sh", ...parley, "--data-dir", "left"], {
      ...{ cwd: folder.path, env: { PATH: process.env.PATH ?? "" }, stdout: "pipe", stderr: "pipe" },
    });
    const [stdout, stderr] = await Promise.all([
      new Response(ran.stdout).text(),
      new Response(ran.stderr).text(),
    ]);
    expect([await ran.exited, stderr]).toEqual([0, `store: ${left}\n`]);
    expect(stdout).toContain("Backed up 101 messages in 1 conversation");
    expect(readdirSync(left).sort()).toEqual(["parley.db", "parley.db-wal"]);
    expect(readdirSync(backup)).not.toContain("source.partial");
    expect(await folder.run(["backup", ""])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("it is empty"),
    });
  },
  60_000,
);

test("OP3 a backup or restore that is killed, fails, or may not begin leaves what was there, and says why", async () => {
  await using store = await stoppedStore(50_000);
  const { folder, data, backup, look } = store;
  const run = async (...args: string[]) => {
    const { code, stderr } = await folder.run(args);
    return [code, stderr];
  };
  const refusal = (text: string) => [1, expect.stringContaining(text)];
  const hasPartial = () =>
    existsSync(backup) && readdirSync(backup).some((name) => name.endsWith(".db.partial"));

  // Interrupted: what is there is no backup, and does not hinder the next one.
  expect(await killed(folder, ["backup", backup], hasPartial, 0)).toBe(true);
  expect(hasPartial()).toBe(true);
  expect(await run("restore", backup, "--replace")).toEqual(refusal(`It has no ${MANIFEST}`));
  expect(await run("backup", backup)).toEqual([0, `store: ${data}\n`]);
  expect(hasPartial()).toBe(false);

  // A backup that fails leaves the one before. The limit is that of the size of a file, in blocks of 512 bytes.
  const bounded = ["sh", "-c", 'trap "" XFSZ; ulimit -S -f 8192; exec "$@"', "sh"];
  const full = Bun.spawn([...bounded, process.execPath, "--no-env-file", folder.program, "backup", backup], {
    ...{ cwd: folder.path, env: { PATH: process.env.PATH ?? "" }, stderr: "pipe", stdout: "pipe" },
  });
  expect(await new Response(full.stderr).text()).toContain(".db.partial cannot be ");
  expect(await full.exited).toBe(1);
  const names = readdirSync(backup).sort();
  expect(names.map((name) => name.replace(/\d{8}T\d+Z/, "TIME"))).toEqual([
    MANIFEST,
    "parley.lock",
    "store-TIME.db",
  ]);

  const redis = redisStore({ redisHost: "127.0.0.1", redisPort: 1 } as Settings);
  await expect(redis.backUp({} as never)).rejects.toThrow(
    "The store is in Redis, which makes its own backups",
  );
  await expect(redis.restore({} as never)).rejects.toThrow(
    "The store is in Redis: stop Redis, put its file back",
  );
  const { process: server } = await folder.serve([], { DEMO_ACCOUNTS: "false" });
  expect(await run("restore", backup, "--replace")).toEqual([
    1,
    `parley: A server runs on ${data}, or another command works on it. Stop it, then run this again.\n`,
  ]);
  expect(await run("restore", `${backup}-2`)).toEqual([
    1,
    `parley: The backup in ${backup}-2 was not restored. There is no such folder.\n`,
  ]);
  const file = join(backup, MANIFEST);
  expect(await run("restore", file)).toEqual([
    1,
    `parley: The backup in ${file} was not restored. That is a file; a backup is the folder that was given to \`parley backup\`.\n`,
  ]);
  expect(await run("backup", data)).toEqual([
    1,
    expect.stringContaining("Nothing was backed up: the folder has other files ("),
  ]);
  server.kill("SIGTERM");
  await server.exited;

  // kill -9 of a restore leaves the old store or the new one, whole; and the last one is complete.
  let { epoch } = look();
  const kills = isLong ? 20 : 2;
  for (let i = 0; i < kills; i++) {
    const staged = () => existsSync(join(data, "parley.db.restoring"));
    await killed(folder, ["restore", backup, "--replace"], staged, (i * 200) / kills);
    const found = look();
    expect(found).toMatchObject({ check: "ok", count: 50_000 });
    epoch = found.epoch;
  }
  const done = await folder.run(["restore", backup, "--replace"]);
  expect(done.stdout).toContain("Restored 50000 messages in 1 conversation and 0 accounts");
  const kept = /The old store is in (\S+);/.exec(done.stderr)![1]!;
  using old = new Database(join(kept, "parley.db"), { readonly: true });
  expect(old.query("select value from meta where key = 'epoch'").values()).toEqual([[epoch]]);
  expect(look()).toEqual({ check: "ok", count: 50_000, epoch: expect.not.stringContaining(epoch) });
}, 120_000);
