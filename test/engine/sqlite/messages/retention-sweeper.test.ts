// What the contract cannot see: removed messages leave the files, in small steps, and a crash between two steps is
// safe.
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type RetentionLimits, UNLIMITED_RETENTION } from "../../../../src/core/conversation/retention.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { TIMEOUT_MS } from "../../../support/time/wait-until.ts";
import { type EngineInParts, openEngineInParts } from "../engine-in-parts.ts";
import type { StoreFolder } from "../store-folder.ts";

async function begin(
  retention: RetentionLimits = UNLIMITED_RETENTION,
): Promise<{ subject: Subject; parts: EngineInParts }> {
  let parts: EngineInParts | undefined;
  const subject = await Subject.open(async (clock) => {
    parts = await openEngineInParts(clock, retention);
    return parts;
  });
  return { subject, parts: parts! };
}

/** How many messages each file has, without those that are blank. */
function rows(folder: StoreFolder): { log: number; index: number } {
  using store = folder.connect();
  const { count } = store.query("select count(*) as count from message where sender <> ''").get() as {
    count: number;
  };
  return { log: count, index: folder.indexed().messages };
}

test("D5 removed messages leave the log and the index; kept ones stay in both", async () => {
  const { subject, parts } = await begin({ messages: 100, days: 0 });
  await using _ = subject;
  await subject.fill(1_000, { limit: 0 });
  await subject.fill(30, { conversation: "other", limit: 0 });
  await parts.clean();
  expect(rows(parts.folder)).toEqual({ log: 130, index: 130 });
  // Entries leave together with their run, which is rewritten once most of its messages are removed.
  await parts.takeIn();
  // How many messages share a run depends on when the worker took them in.
  const { messages, keys } = parts.folder.indexed();
  expect(messages).toBe(130);
  expect(keys).toBeLessThanOrEqual(2 * messages);
  const repeats = await Promise.all([901, 1_000].map((seq) => subject.post(String(seq))));
  expect(repeats.map(({ outcome }) => outcome)).toEqual(["duplicate", "duplicate"]);
});

test("D5 B1 housekeeping removes messages while others are posted, and delays none of them", async () => {
  const { subject, parts } = await begin({ messages: 10, days: 0 });
  await using _ = subject;
  await subject.fill(600, { limit: 0 });
  const deadline = Date.now() + TIMEOUT_MS;
  let posts = 600;
  const inHand = () => rows(parts.folder).index !== 10 || posts < 605;
  while (inHand() && Date.now() < deadline) {
    await parts.takeIn();
    if (posts < 605) expect(await subject.store(String(++posts), { limit: 0 })).toMatchObject({ seq: posts });
    await Bun.sleep(1);
  }
  expect(rows(parts.folder)).toEqual({ log: 10, index: 10 });
  expect(await subject.engine.head("room")).toMatchObject({ seq: posts, first: posts - 9 });
});

test("D1 D5 when the newest messages of the log are removed, their positions are not reused, and the epoch stays", async () => {
  // The log would then end before the index, like the log of a store that lost its end.
  const { subject, parts } = await begin({ messages: 0, days: 1 });
  await using _ = subject;
  await subject.fill(20, { limit: 0 });
  const { epoch } = await subject.engine.head("room");
  subject.clock.jump(3 * 86_400_000);
  await parts.clean();
  expect(rows(parts.folder)).toEqual({ log: 0, index: 0 });
  await subject.reopen();
  expect(await subject.engine.head("room")).toEqual({ seq: 20, first: 21, epoch, rev: 0 });
  expect(parts.folder.log.events()).not.toContain("store.tail_lost");
  await subject.store("new", { limit: 0 });
  using store = parts.folder.connect();
  expect(store.query("select position, seq from message where sender <> ''").all()).toEqual([
    { position: 21, seq: 21 },
  ]);
});

test("D5 the next cleaning finishes one that crashed between the index and the log", async () => {
  const { subject, parts } = await begin({ messages: 5, days: 0 });
  await using _ = subject;
  await subject.fill(50, { limit: 0 });
  await parts.takeIn();
  {
    // As the second step leaves it for some, the first for others; the third was not come to.
    using store = parts.folder.connect();
    store.run("update conversation set first_seq = 31");
    store.run("delete from message where seq <= 10");
  }
  await subject.reopen();
  expect((await subject.read({ after: 0 })).messages.at(0)?.seq).toBeGreaterThanOrEqual(31);
  await parts.clean();
  expect(rows(parts.folder)).toEqual({ log: 5, index: 5 });
});

test("D5 a rebuilt index holds only kept messages once it has been cleaned", async () => {
  const { subject, parts } = await begin({ messages: 5, days: 0 });
  await using _ = subject;
  await subject.fill(50, { limit: 0 });
  await parts.clean();
  await subject.engine.close();
  for (const ending of ["", "-wal", "-shm"]) rmSync(parts.folder.indexFile + ending, { force: true });
  await subject.reopen();
  expect((await subject.read()).messages.map(({ seq }) => seq)).toEqual([46, 47, 48, 49, 50]);
  expect(await subject.store("51", { limit: 0 })).toMatchObject({ seq: 51 });
  await parts.clean();
  expect(rows(parts.folder)).toEqual({ log: 5, index: 5 });
});

test("D5 a running server notices a conversation removed by a command; seqs continue, marks are removed", async () => {
  const { subject, parts } = await begin();
  await using _ = subject;
  const { clock } = subject;
  await Promise.all([subject.fill(20), subject.fill(5, { conversation: "other" })]);
  await subject.engine.setReadMark("room", "anna", 7);
  await parts.takeIn();
  await Promise.all(Array.from({ length: 5 }, (_, i) => subject.store(`late ${i}`)));
  const { received } = await subject.subscribe();
  const command = openConversations({
    dataDir: parts.folder.path,
    clock,
    emit: parts.folder.log.emit,
    sync: "normal",
  });
  const first = await command.find("room");
  expect(first).toMatchObject({ id: "room", first: 1, seq: 25 });
  expect((await Array.fromAsync(command.entries("room"))).map(({ seq }) => seq)).toEqual(
    Array.from({ length: 25 }, (_, i) => i + 1),
  );
  // Stored after the command read the store: it is removed too.
  await subject.store("latest");
  expect(await command.remove("room")).toBe(true);
  expect(await command.remove("nowhere")).toBe(false);
  expect((await command.list()).map(({ id, first, seq }) => [id, first, seq])).toEqual([["other", 1, 5]]);
  await command.close();
  subject.clock.advance(1_000);
  expect(await subject.engine.head("room")).toMatchObject({ seq: 26, first: 27 });
  expect((await subject.read()).messages).toEqual([]);
  expect((await subject.engine.readMarks("room", ["anna", "ben"])).size).toBe(0);
  expect(await subject.store("1")).toMatchObject({ seq: 27 });
  expect(received.map(({ seq }) => seq)).toEqual([26, 27]);
  await parts.clean();
  expect(rows(parts.folder)).toEqual({ log: 6, index: 6 });
});

test("D5 a conversation's own limits override the server's, and so does a limit of 0", async () => {
  const { subject, parts } = await begin({ messages: 3, days: 0 });
  await using _ = subject;
  for (const conversation of ["own", "all", "default"]) await subject.fill(10, { conversation });
  const command = openConversations({
    dataDir: parts.folder.path,
    clock: subject.clock,
    emit: parts.folder.log.emit,
    sync: "normal",
  });
  await command.retain("own", { messages: 5, days: null });
  await command.retain("all", { messages: 0, days: null });
  await command.close();
  await parts.clean();
  for (const [conversation, first] of [
    ["own", 6],
    ["all", 1],
    ["default", 8],
  ] as const)
    expect(await subject.engine.head(conversation)).toMatchObject({ seq: 10, first });
});
