// What `parley migrate` costs: fills a folder, moves it to a Redis, and prints processor time of both for each phase.
//
//   bun bench/standalone/migration/migrate.ts redis://127.0.0.1:6379 [messages] [conversations] [users of a conversation]
//
// The Redis must be empty. A folder that BENCH_FOLDER names is kept, and filled only where it is missing.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { newState, runMigration } from "../../../src/cli/migrate/run.ts";
import { encodeMessageBody } from "../../../src/core/conversation/entry.ts";
import { UNLIMITED_RETENTION } from "../../../src/core/conversation/retention.ts";
import { openMigrationTarget } from "../../../src/engine/redis/migration/target.ts";
import { openMigrationSource } from "../../../src/engine/sqlite/migration/source.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { parseRedisUrl } from "../../../src/server/settings/redis-url.ts";

const [url = "redis://127.0.0.1:6379", messages = "500000", conversations = "500", users = "20"] =
  process.argv.slice(2);
const TURN = 500;
const deps = { clock: systemClock(), emit: () => {} };

async function fill(dataDir: string): Promise<void> {
  const store = await openSqlite({ ...deps, dataDir, sync: "normal" });
  const text = "x".repeat(64);
  for (let done = 0; done < Number(messages); done += TURN) {
    const posts = Array.from({ length: Math.min(TURN, Number(messages) - done) }, (_, i) => {
      const n = done + i;
      const room = (n * 7919) % Number(conversations);
      const request = {
        ...{ conversation: `room-${room}`, user: `user-${room}-${n % Number(users)}` },
        ...{ id: crypto.randomUUID(), kind: "message" as const, body: encodeMessageBody(text), limit: 0 },
      };
      return new Promise((resolve) => store.engine.post(request, resolve));
    });
    await Promise.all(posts);
  }
  await store.close();
}

async function redisSeconds(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)![1]);
  return of("used_cpu_sys") + of("used_cpu_user");
}

const dataDir = join(process.env.BENCH_FOLDER ?? mkdtempSync(join(tmpdir(), "parley-migrate-")), "data");
if (!existsSync(dataDir)) await fill(dataDir);
const parsed = parseRedisUrl(url);
if ("problem" in parsed) throw new Error(parsed.problem);
const target = await openMigrationTarget({
  ...{ ...deps, address: parsed.value, prefix: "parley", node: "bench", timeoutMs: 5_000 },
});
const redis = new Redis(url);
const source = openMigrationSource(dataDir, { lock: true });
const seconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
let [own, theirs, wall, phase] = [seconds(), await redisSeconds(redis), performance.now(), "survey"];
const report: Promise<void>[] = [];
function end(next: string): void {
  const before = { own, theirs, wall, phase };
  [own, wall, phase] = [seconds(), performance.now(), next];
  const now = { own, wall };
  report.push(
    redisSeconds(redis).then((spent) => {
      theirs = spent;
      const ms = (value: number) => `${value.toFixed(2)} s`;
      console.log(
        `${before.phase.padEnd(14)} ${ms((now.wall - before.wall) / 1000)} · command ${ms(now.own - before.own)} · Redis ${ms(spent - before.theirs)}`,
      );
    }),
  );
}
const size = await source.survey(UNLIMITED_RETENTION, Date.now());
await report.at(-1);
end("messages");
const state = newState(source, UNLIMITED_RETENTION, Date.now());
if ((await target.claim("bench", state)) !== "ok") throw new Error("The target is not empty.");
const result = await runMigration(
  {
    ...{ source, target, size },
    leaveSource: () => source.close(),
    onProgress: (progress) => {
      if (progress.phase !== phase) end(progress.phase);
    },
  },
  state,
);
end("");
await Promise.all(report);
console.log(result);
await target.close();
redis.disconnect();
