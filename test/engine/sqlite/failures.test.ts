// A store that cannot be written for a while: held by another connection, or on a disk that is full.
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { ChangeResult } from "../../../src/core/ports/conversation/changes.ts";
import type { PostResult } from "../../../src/core/ports/message-log.ts";
import { messageContent } from "../../support/entries.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import type { FullDiskReport } from "./programs/full-disk.ts";
import { StoreFolder } from "./store-folder.ts";

/** How long a batch waits for a lock (LOCK_PATIENCE in engine.ts). */
const PATIENCE = 5_000;

async function begin() {
  const folder = new StoreFolder();
  const clock = new ManualClock();
  const { engine } = await folder.open(clock);
  const answers: PostResult[] = [];
  const post = (id: string) =>
    new Promise<PostResult>((resolve) =>
      engine.post({ conversation: "room", user: "anna", id, ...messageContent(id), limit: 10 }, (result) => {
        answers.push(result);
        resolve(result);
      }),
    );
  const other = folder.connect();
  /** Long enough for a batch to have tried the lock several times; whether it has decides nothing. */
  const tries = () => Bun.sleep(20);
  return {
    folder,
    clock,
    engine,
    answers,
    post,
    tries,
    lock: () => other.run("begin immediate"),
    unlock: () => other.run("rollback"),
    async [Symbol.asyncDispose]() {
      other.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("D2 a lock of another connection delays a batch, which is stored when the lock is free", async () => {
  await using store = await begin();
  store.lock();
  const early = ["1", "2"].map(store.post);
  await store.tries();
  const late = store.post("3");
  store.clock.advance(PATIENCE - 1);
  await store.tries();
  expect(store.answers).toEqual([]);
  store.unlock();
  const results = await Promise.all([...early, late]);
  expect(results.map((result) => "seq" in result && result.seq)).toEqual([1, 2, 3]);
  expect(store.engine.ready()).toBe(true);
});

test("D2 Q2 D3 after its timeout a batch fails with `unavailable`, once, uncharged, and can be sent again", async () => {
  await using store = await begin();
  store.lock();
  const waiting = ["1", "2"].map(store.post);
  await store.tries();
  store.clock.advance(PATIENCE);
  expect(await Promise.all(waiting)).toEqual([{ outcome: "unavailable" }, { outcome: "unavailable" }]);
  expect(store.engine.ready()).toBe(false);
  store.unlock();
  expect(await store.engine.quota("anna", 10)).toMatchObject({ remaining: 10 });
  expect(await store.post("2")).toMatchObject({ outcome: "stored", seq: 1, quota: { remaining: 9 } });
  expect(store.engine.ready()).toBe(true);
  expect(store.answers).toHaveLength(3);
});

test("Q2 CH4 a change that fails with `unavailable` is not charged, and its repeat is made and charged once", async () => {
  await using store = await begin();
  await store.post("1");
  const edit = () =>
    new Promise<ChangeResult>((resolve) =>
      store.engine.changes.change(
        {
          conversation: "room",
          user: "anna",
          id: "e",
          seq: 1,
          change: { kind: "edit", text: "new" },
          limit: 10,
          moderates: false,
        },
        resolve,
      ),
    );
  store.lock();
  const failed = edit();
  await store.tries();
  store.clock.advance(PATIENCE);
  expect(await failed).toEqual({ outcome: "unavailable" });
  store.unlock();
  expect(await store.engine.quota("anna", 10)).toMatchObject({ remaining: 9 });
  expect(await edit()).toMatchObject({ outcome: "changed", rev: 1, quota: { remaining: 8 } });
  expect(await edit()).toMatchObject({ outcome: "duplicate", rev: 1, quota: { remaining: 8 } });
});

test("L3 a store that is writable again becomes ready, even when no message is posted", async () => {
  // Only a stored message had made it ready again. But a server that is not ready gets no messages: a load balancer
  // would have left it out for ever.
  await using store = await begin();
  store.lock();
  const waiting = store.post("1");
  await store.tries();
  store.clock.advance(PATIENCE);
  await waiting;
  store.clock.advance(2_000);
  expect(store.engine.ready()).toBe(false);
  store.unlock();
  store.clock.advance(1_000);
  expect(store.engine.ready()).toBe(true);
});

test("D2 a batch that fails on a disk that is also unreadable fails with `unavailable`, and no results are invented", async () => {
  // The read that undoes the batch had thrown, and no request of the batch got a reply.
  await using store = await begin();
  await store.post("1");
  using other = store.folder.connect();
  other.run("alter table charge rename to charge_away");
  expect(await store.post("2")).toEqual({ outcome: "unavailable" });
  expect(await store.post("3")).toEqual({ outcome: "unavailable" });
  expect(store.engine.ready()).toBe(false);
  expect(await store.engine.page("room", 0, 1, 5)).toBeUndefined();
  await expect(store.engine.subscribe("room", () => {})).rejects.toThrow("cannot be read");
  other.run("alter table charge_away rename to charge");
  expect(await store.post("2")).toMatchObject({ outcome: "stored", seq: 2, quota: { remaining: 8 } });
  expect((await store.engine.page("room", 0, 9, 5))?.map(({ id }) => id)).toEqual(["1", "2"]);
  expect(store.engine.ready()).toBe(true);
});

test("L1 closing while a lock is held fails requests with `unavailable`, and ends", async () => {
  await using store = await begin();
  store.lock();
  const waiting = store.post("1");
  await store.tries();
  const closing = store.engine.close();
  expect(await waiting).toEqual({ outcome: "unavailable" });
  store.unlock();
  await closing;
  expect(store.answers).toHaveLength(1);
});

test("D1 D2 Q2 a batch that does not fit on the disk uses no seq and no charge; smaller ones are stored", async () => {
  // A process of its own with a limit on the size of its files: SQLite sees a write that fails half way.
  await using folder = new StoreFolder();
  const program = join(import.meta.dir, "programs/full-disk.ts");
  const bounded = 'trap "" XFSZ; ulimit -S -f 2304; exec "$0" --no-env-file "$1" "$2"';
  const child = Bun.spawn(["sh", "-c", bounded, process.execPath, program, folder.path], {
    stderr: "inherit",
  });
  const report: FullDiskReport = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  const { filled, refused, readyAfterRefusal, announcedOfRefused, quotaAfterRefusal, next, readyAtTheEnd } =
    report;
  expect(filled).toBeGreaterThan(0);
  expect(new Set(refused)).toEqual(new Set(["unavailable"]));
  expect(announcedOfRefused).toBe(0);
  expect(readyAfterRefusal).toBe(false);
  expect(quotaAfterRefusal.remaining).toBe(quotaAfterRefusal.limit - filled);
  expect(next).toMatchObject({ outcome: "stored", seq: filled + 1 });
  expect(next.quota?.remaining).toBe(quotaAfterRefusal.remaining - 1);
  expect(readyAtTheEnd).toBe(true);
  expect(report.errors).toContain("store.write_failed");
  // Not that of a rollback, which SQLite has made before.
  expect(report.texts.filter((text) => !/disk (I\/O error|is full)/.test(text))).toEqual([]);

  // The same is on disk, read by a process without a bound.
  const { engine } = await folder.open();
  const { seq } = await engine.subscribe("room", () => {});
  expect(seq).toBe(filled + 1 + report.added);
  const retry = new Promise<PostResult>((resolve) =>
    engine.post(
      { conversation: "room", user: "anna", id: "refused 0", ...messageContent(""), limit: 0 },
      resolve,
    ),
  );
  expect(await retry).toMatchObject({ outcome: "stored", seq: seq + 1 });
});
