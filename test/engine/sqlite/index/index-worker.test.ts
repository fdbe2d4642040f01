import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { IndexWorker } from "../../../../src/engine/sqlite/index/index-worker.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { longTest } from "../../../support/long-test.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { type EngineInParts, openEngineInParts } from "../engine-in-parts.ts";
import { StoreFolder } from "../store-folder.ts";

async function begin(): Promise<{ subject: Subject; parts: EngineInParts }> {
  let parts: EngineInParts | undefined;
  const subject = await Subject.open(async (clock) => {
    parts = await openEngineInParts(clock);
    return parts;
  });
  return { subject, parts: parts! };
}

test("B1 the worker empties the write-ahead log also when no message is posted, because charges for history are written", async () => {
  // It had made checkpoints only after new messages, so under a load of history alone the log grew without end.
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.store("1", { limit: 0 });
  await parts.takeIn();
  for (let i = 0; i < 50; i++) await subject.read({ user: "anna", limit: 1_000 });
  await parts.takeIn();
  // The content of the file alone, without its write-ahead log.
  const copy = join(parts.folder.path, "copy.db");
  copyFileSync(parts.folder.storeFile, copy);
  using db = new Database(copy);
  expect(db.query("select sum(count) as charged from charge").get()).toEqual({ charged: 50 });
});

test("B1 the write-ahead log starts over after a checkpoint, so its size depends on the writes between two", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  const size = () => statSync(`${parts.folder.storeFile}-wal`).size;
  const text = "x".repeat(1_000);
  const round = async (from: number) => {
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => subject.store(String(from + i), { text, limit: 0 })),
    );
    await parts.takeIn();
  };
  await round(0);
  const first = size();
  for (let i = 1; i <= 10; i++) await round(i * 200);
  expect(size()).toBeLessThan(3 * first);
});

test("D3 every name is found after the filter had to grow, and after a start that rebuilds it", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  const count = 150_000;
  for (let from = 1; from <= count; from += 30_000) {
    const posts = Array.from({ length: 30_000 }, (_, i) =>
      subject.post(String(from + i), { text: "", limit: 0 }),
    );
    await Promise.all(posts);
    await parts.takeIn();
  }
  const sample = Array.from({ length: 1_500 }, (_, i) => 1 + i * 100);
  for (const round of ["grown", "rewritten"]) {
    const repeats = await Promise.all(sample.map((seq) => subject.post(String(seq), { limit: 0 })));
    expect([round, ...repeats.map((result) => "seq" in result && result.seq)]).toEqual([round, ...sample]);
    if (round === "grown") {
      await subject.reopen();
      await parts.takeIn();
    }
  }
  expect(await subject.store("new", { limit: 0 })).toMatchObject({ seq: count + 1 });
});

longTest("D1 D3 one round indexes more messages than one handover to the worker holds", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  const count = 110_000;
  // In one turn of the event loop, so that the worker receives all of them at once.
  await Promise.all(
    Array.from({ length: count }, (_, i) => subject.post(String(1 + i), { text: "", limit: 0 })),
  );
  await parts.takeIn();
  expect(parts.folder.indexed()).toEqual({ messages: count, keys: count });
  for (const seq of [1, 50_001, 100_000, 100_001, count])
    expect(await subject.post(String(seq))).toMatchObject({ outcome: "duplicate", seq });
});

test("D1 D3 a round that runs while memory cannot be reloaded from disk misses no message", async () => {
  // The handover contains how far back it reaches: emptied memory reaches nowhere.
  const { subject, parts } = await begin();
  await using _ = subject;
  // It has opened its files.
  await parts.takeIn();
  await subject.fill(30);
  {
    using other = parts.folder.connect();
    other.run("alter table message rename to message_away");
    expect((await subject.post("31")).outcome).toBe("unavailable");
    await parts.takeIn();
    other.run("alter table message_away rename to message");
  }
  expect(parts.folder.indexed().messages).toBe(0);
  expect(parts.folder.log.events()).toContain("store.index_failed");
  await subject.store("31");
  await parts.takeIn();
  expect(parts.folder.indexed().messages).toBe(31);
  for (const seq of [1, 30, 31])
    expect(await subject.post(String(seq))).toMatchObject({ outcome: "duplicate", seq });
  expect((await subject.read({ after: 0 })).messages).toHaveLength(31);
});

test("L1 a worker whose thread has ended blocks no caller, and the store closes", async () => {
  // Callers had waited for ever, and with them the shutdown of the server.
  await using folder = new StoreFolder();
  const store = await folder.open();
  await store.close();
  const log = new RecordedLog();
  const worker = new IndexWorker({ store: folder.storeFile, index: folder.indexFile }, 0, 0, log.emit);
  const waiting = [worker.runRound(), worker.prune(1, 1, 1)];
  worker.kill();
  await Promise.all(waiting);
  expect(await worker.prune(1, 1, 1)).toEqual({ positions: [], more: false });
  await worker.stop();
});

test("Q1 charges older than an hour are deleted from disk, the others are kept", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  const rows = () => {
    using store = parts.folder.connect();
    return (store.query("select count(*) as rows from charge").get() as { rows: number }).rows;
  };
  for (let i = 0; i < 10; i++) {
    await subject.store(String(i), { limit: 100 });
    subject.clock.advance(60_000);
  }
  expect(rows()).toBe(10);
  subject.clock.advance(3_600_000 - 5 * 60_000 - 30_000);
  expect(rows()).toBe(5);
  expect(await subject.engine.quota("anna", 100)).toMatchObject({ remaining: 95 });
  subject.clock.advance(3_600_000);
  expect(rows()).toBe(0);
  expect(await subject.store("last", { limit: 100 })).toMatchObject({ quota: { remaining: 99 } });
});

/** The priority of a thread of this process: the field `nice` of proc_pid_stat(5). */
function niceness(thread: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
    // The name in parentheses may hold spaces; `nice` is the seventeenth after it.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

test.skipIf(process.platform !== "linux")(
  "the worker's thread has a lower priority than the event loop",
  async () => {
    const { subject, parts } = await begin();
    await using _ = subject;
    await parts.takeIn();
    expect(readdirSync("/proc/self/task").map(niceness)).toContain(5);
    expect(niceness(String(process.pid))).toBe(0);
  },
);
