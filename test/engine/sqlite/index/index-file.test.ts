// Messages are found in memory until the index worker has indexed them, and in the index file afterwards. The index is
// derived: the log is authoritative, even if the file is damaged or lost.
import { expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { messageKey } from "../../../../src/engine/sqlite/index/message-key.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { messageContent } from "../../../support/entries.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";
import { type EngineInParts, openEngineInParts } from "../engine-in-parts.ts";
import { StoreFolder } from "../store-folder.ts";

/** Opens a subject and keeps the parts in reach. */
async function begin(): Promise<{ subject: Subject; parts: EngineInParts }> {
  let parts: EngineInParts | undefined;
  const subject = await Subject.open(async (clock) => {
    parts = await openEngineInParts(clock);
    return parts;
  });
  return { subject, parts: parts! };
}

/** Every way to find a message, by name and by number; all that there are is `count` in `room`, called by their `seq`. */
async function expectAllFound(subject: Subject, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  const repeats = await Promise.all(all.map((seq) => subject.post(String(seq))));
  expect(repeats.map((result) => [result.outcome, "seq" in result && result.seq])).toEqual(
    all.map((seq) => ["duplicate", seq]),
  );
  expect((await subject.read({ after: 0 })).messages.map(({ seq, id }) => `${seq} ${id}`)).toEqual(
    all.map((seq) => `${seq} ${seq}`),
  );
  expect((await subject.subscribe()).listening.seq).toBe(count);
}

test("D1 D3 messages are found before they are indexed, after it, and across both", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.fill(30);
  expect(parts.folder.indexed().messages).toBe(0);
  await expectAllFound(subject, 30);
  await parts.takeIn();
  expect(parts.folder.indexed().messages).toBe(30);
  await expectAllFound(subject, 30);
  await Promise.all(Array.from({ length: 10 }, (_, i) => subject.store(String(31 + i))));
  expect(parts.folder.indexed().messages).toBe(30);
  await expectAllFound(subject, 40);
  for (const before of [29, 30, 31, 32, 35])
    expect((await subject.read({ before, count: 5 })).messages.map(({ seq }) => seq)).toEqual(
      [5, 4, 3, 2, 1].map((below) => before - below),
    );
});

test("D1 D3 messages that arrive while the worker indexes are found at every moment", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  let count = 0;
  for (let round = 0; round < 10; round++) {
    const under = parts.takeIn();
    await Promise.all(Array.from({ length: 15 }, () => subject.store(String(++count))));
    await expectAllFound(subject, count);
    await under;
    await expectAllFound(subject, count);
  }
});

test("D1 D3 a running store indexes its messages once there are enough", async () => {
  // As many as make the index worker start at once (MAX_UNINDEXED in index-worker.ts), instead of at its next round.
  await using folder = new StoreFolder();
  const { engine } = await folder.open();
  const count = 50_000;
  await new Promise<void>((resolve) => {
    for (let i = 1; i <= count; i++)
      engine.post(
        { conversation: "room", user: "anna", id: String(i), ...messageContent(""), limit: 0 },
        () => {
          if (i === count) resolve();
        },
      );
  });
  const deadline = Date.now() + TIMEOUT_MS;
  while (folder.indexed().messages < count && Date.now() < deadline) await Bun.sleep(10);
  expect(folder.indexed().messages).toBe(count);
  for (const id of ["1", "25000", "50000"]) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    engine.post({ conversation: "room", user: "anna", id, ...messageContent(""), limit: 0 }, resolve);
    expect(await promise).toMatchObject({ outcome: "duplicate", seq: Number(id) });
  }
});

const DAMAGES: [what: string, damage: (file: string) => void][] = [
  ["deleted", (file) => rmSync(file)],
  ["emptied", (file) => truncateSync(file)],
  ["garbage from the first byte", (file) => writeFileSync(file, Buffer.alloc(50_000, "garbage"))],
  ["cut in the middle", (file) => truncateSync(file, Math.floor(statSync(file).size / 8_192) * 4_096)],
];

function overwrite(file: string, from: number, length: number): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, Buffer.alloc(length, 0xa7), 0, length, from);
  closeSync(descriptor);
}

for (const [what, damage] of DAMAGES) {
  test(`D2 D3 an index file that is ${what} is rebuilt from the log`, async () => {
    const { subject, parts } = await begin();
    await using _ = subject;
    // Enough that both trees of the index have inner pages.
    await subject.fill(1_000, { limit: 0 });
    await subject.engine.close();
    damage(parts.folder.indexFile);
    await subject.reopen();
    const repeats = await Promise.all([1, 500, 1_000].map((seq) => subject.post(String(seq))));
    expect(repeats.map(({ outcome }) => outcome)).toEqual(["duplicate", "duplicate", "duplicate"]);
    const { messages } = await subject.read({ before: 600, count: 200 });
    expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, i) => 400 + i));
    expect((await subject.store("1001")).seq).toBe(1_001);
    await parts.takeIn();
    expect(parts.folder.indexed().messages).toBe(1_001);
    expect((await subject.read({ after: 1_000 })).messages).toMatchObject([{ seq: 1_001, id: "1001" }]);
    expect(parts.folder.log.entries.filter(({ level }) => level === "error")).toEqual([]);
  });
}

test("D2 D3 an index of the previous layout is replaced and rebuilt; a command leaves it unchanged", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.fill(100);
  await subject.engine.close();
  const { indexFile, path: dataDir, log } = parts.folder;
  rmSync(indexFile);
  {
    // As Parley made it until then: a row for each message in each of two tables, and no number for the layout.
    using index = parts.folder.connect(indexFile);
    using store = parts.folder.connect();
    index.run("pragma journal_mode = wal");
    index.run("create table meta (key text primary key, value text not null) without rowid");
    index.run(
      "create table by_seq (conversation integer, seq integer, position integer not null, primary key (conversation, seq)) without rowid",
    );
    index.run(
      "create table by_key (key integer, position integer, primary key (key, position)) without rowid",
    );
    const { value } = store.query("select value from meta where key = 'epoch'").get() as { value: string };
    index.query("insert into meta values ('epoch', ?), ('indexed', '100')").run(value);
  }
  const before = readFileSync(indexFile);
  const command = openConversations({ dataDir, clock: subject.clock, emit: log.emit, sync: "normal" });
  expect((await Array.fromAsync(command.entries("room"))).map(({ seq }) => seq)).toHaveLength(100);
  await command.close();
  expect(readFileSync(indexFile).equals(before)).toBe(true);
  await subject.reopen();
  await expectAllFound(subject, 100);
  await parts.takeIn();
  expect(parts.folder.indexed().messages).toBe(100);
  await expectAllFound(subject, 100);
  expect(parts.folder.log.entries.filter(({ level }) => level === "error")).toEqual([]);
});

test("D2 D3 damage inside the index causes refusals, never wrong results, and is repaired while the server runs", async () => {
  // The first pages are intact, so that the start detects nothing. Each batch that met the damage was refused until the
  // next start, and `/readyz` was 200 all the time: no operator restarted the server.
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.fill(1_000, { limit: 0 });
  await subject.engine.close();
  overwrite(parts.folder.indexFile, 16_384, statSync(parts.folder.indexFile).size - 16_384);
  await subject.reopen();
  const { engine } = subject;
  const reported: boolean[] = [];
  engine.watchReady((ready) => reported.push(ready));
  expect((await subject.post("1")).outcome).toBe("unavailable");
  expect(engine.ready()).toBe(false);
  expect(await engine.quota("anna", 5)).toMatchObject({ remaining: 5 });
  expect((await subject.history({ after: 0 })).outcome).toBe("unavailable");
  expect(await engine.head("room").catch((error) => engine.isUnavailable(error))).toBe(true);
  await waitUntil("the index is rebuilt", () => engine.ready());
  expect(reported.at(-1)).toBe(true);
  for (const seq of [1, 500, 1_000]) expect((await subject.post(String(seq))).outcome).toBe("duplicate");
  expect((await subject.read({ after: 0 })).messages).toHaveLength(200);
  expect((await subject.store("1001")).seq).toBe(1_001);
  expect(parts.folder.log.events()).toContain("store.index_damaged");
  expect(parts.folder.log.entries).toContainEqual({
    level: "info",
    event: "store.index_rebuilt",
    fields: { messages: 1_000, seconds: expect.any(Number) },
  });
});

test("D2 D3 an index that is deleted while the server runs is rebuilt", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.fill(50);
  await parts.takeIn();
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${parts.folder.indexFile}${ending}`, { force: true });
  subject.clock.advance(500);
  expect(subject.engine.ready()).toBe(false);
  await waitUntil("the index is rebuilt", () => subject.engine.ready());
  await expectAllFound(subject, 50);
  expect(parts.folder.indexed().messages).toBe(50);
});

test("D2 D5 an index that is ahead of a log that lost its end is rebuilt, and the store begins a new epoch", async () => {
  // As after a crash of the machine: the index had reached the disk, the end of the log had not.
  const { subject, parts } = await begin();
  await using _ = subject;
  await subject.fill(20);
  const { epoch } = (await subject.subscribe()).listening;
  await subject.engine.close();
  {
    using store = parts.folder.connect();
    store.run("delete from message where position > 12");
  }
  await subject.reopen();
  const { listening } = await subject.subscribe();
  expect(listening.seq).toBe(12);
  // A client that had seen number 20 must not take the new 13 for the old one.
  expect(listening.epoch).not.toBe(epoch);
  expect(await subject.store("13", { text: "another 13" })).toMatchObject({ seq: 13 });
  for (let seq = 14; seq <= 20; seq++) await subject.store(String(seq));
  await expectAllFound(subject, 20);
  await parts.takeIn();
  await expectAllFound(subject, 20);
  expect((await subject.subscribe()).listening.epoch).toBe(listening.epoch);
});

test("D2 D3 an index that belongs to another store is rebuilt", async () => {
  const { subject, parts } = await begin();
  const other = await begin();
  await using _ = subject;
  await using __ = other.subject;
  // Shorter than the log of the other store, so that its length proves nothing.
  await other.subject.fill(5, { conversation: "elsewhere" });
  await other.subject.engine.close();
  await subject.fill(10);
  await subject.engine.close();
  for (const ending of ["-wal", "-shm"]) rmSync(parts.folder.indexFile + ending, { force: true });
  copyFileSync(other.parts.folder.indexFile, parts.folder.indexFile);
  await subject.reopen();
  await expectAllFound(subject, 10);
});

for (const place of ["memory", "the index"] as const) {
  test(`D3 two names with the same key stay two messages, found through ${place}`, async () => {
    // No two such names are known, so the log is given a row with the key of another name.
    const { subject, parts } = await begin();
    await using _ = subject;
    await subject.store("impostor");
    await subject.store("own");
    await subject.engine.close();
    {
      using store = parts.folder.connect();
      const { value } = store.query("select value from meta where key = 'seed'").get() as { value: string };
      const { number } = store.query("select number from conversation").get() as { number: number };
      const key = messageKey(Number(value), number, "anna", "victim");
      store.query("update message set key = ? where id = 'impostor'").run(key);
    }
    for (const ending of ["", "-wal", "-shm"]) rmSync(parts.folder.indexFile + ending, { force: true });
    await subject.reopen();
    if (place === "the index") await parts.takeIn();
    expect(await subject.post("victim")).toMatchObject({ outcome: "stored", seq: 3 });
    expect(await subject.post("victim")).toMatchObject({ outcome: "duplicate", seq: 3 });
    if (place === "the index") await parts.takeIn();
    expect(await subject.post("victim")).toMatchObject({ outcome: "duplicate", seq: 3 });
    expect(await subject.post("own")).toMatchObject({ outcome: "duplicate", seq: 2 });
  });
}

test("D3 a key distinguishes conversation, sender and id, and every store has its own", () => {
  const names: [seed: number, conversation: number, sender: string, id: string][] = [
    [1, 1, "a", "bc"],
    [1, 1, "ab", "c"],
    [1, 1, "ba", "c"],
    [1, 1, "abc", ""],
    [1, 2, "a", "bc"],
    [2, 1, "a", "bc"],
    [1, 1, "bc", "a"],
  ];
  const keys = names.map((name) => messageKey(...name));
  expect(new Set(keys).size).toBe(names.length);
  for (const key of keys) expect(Number.isSafeInteger(key) && key >= 0).toBe(true);
  const many = new Set<number>();
  for (let i = 0; i < 200_000; i++) many.add(messageKey(12_345, i % 10, `user${i % 100}`, String(i)));
  expect(many.size).toBe(200_000);
});
