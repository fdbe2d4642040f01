// What an edit replaces and an erasure removes leaves the memory of Redis, and with it every file that Redis writes later.
import { describe, expect, test } from "bun:test";
import { readErasures } from "../../../../src/engine/redis/changes/file-rewriter.ts";
import { ERASE_INTERVAL_MS } from "../../../../src/engine/redis/changes/text-eraser.ts";
import type { RedisClient } from "../../../../src/engine/redis/connection/client.ts";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { filesWith, READABLE_FILES } from "../support/files.ts";
import {
  freshPrefix,
  KINDS_OF_COMMON_CODE,
  keysUnder,
  type RealRedis,
  useRealRedis,
} from "../support/real-redis.ts";
import { connectTo, numbers, TestNode } from "../support/test-node.ts";

/** A text that is nowhere else. */
const newText = () => `${crypto.randomUUID()}${crypto.randomUUID()}`;

/** More than one call copies, so that messages and changes come between two calls. */
const MESSAGES = 1_200;

/** All values under the prefix of a client, as bytes read as Latin-1. Compressed, they would not show the texts. */
async function dumpAll(client: RedisClient): Promise<string> {
  for (const primary of client.primaries) await primary.config("SET", "rdbcompression", "no");
  const dumps = await Promise.all((await keysUnder(client)).map((key) => client.commands.dumpBuffer(key)));
  return dumps.map((dump) => dump?.toString("latin1") ?? "").join("\n");
}

async function open(client: RedisClient, retention = { messages: 0, days: 0 }) {
  const node = await TestNode.open(client, { retention });
  const subject = await Subject.open(async () => ({
    engine: node.engine,
    reopen: async () => node.engine,
    clean: () => node.engine.clean(),
    close: () => node[Symbol.asyncDispose](),
  }));
  return { node, subject, changes: new ChangeSubject(subject) };
}

/** Edits, erases and reacts. Returns the texts that must be gone, and those that stay. */
async function change(subject: Subject, changes: ChangeSubject) {
  const texts = numbers(1, MESSAGES).map(newText);
  const data = texts.map(newText);
  await Promise.all(
    texts.map((text, i) => subject.post(String(i + 1), { text, data: { text: data[i]! }, limit: 0 })),
  );
  const [gone, kept] = [new Set<string>(), new Set([...texts, ...data])];
  const lose = (...some: string[]) => {
    for (const text of some) {
      gone.add(text);
      kept.delete(text);
    }
  };
  const edited = newText();
  const edit = (seq: number, text: string) => changes.edit(seq, text, { limit: 0 });
  for (const seq of [1, 600, MESSAGES]) {
    await edit(seq, `${seq} ${newText()}`);
    await edit(seq, edited);
    lose(texts[seq - 1]!);
  }
  kept.add(edited);
  const reaction = newText();
  for (const seq of [2, 501, 1_100]) {
    await changes.react(seq, reaction, { user: "ben", limit: 0 });
    await changes.react(seq, reaction, { user: "carl", limit: 0 });
    await changes.erase(seq, { limit: 0 });
    lose(texts[seq - 1]!, data[seq - 1]!);
  }
  gone.add(reaction);
  return { gone, kept };
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis: RealRedis = useRealRedis(kind);

    test("CH3 replaced and erased texts leave the memory, while messages and changes go on", async () => {
      const { node, subject, changes } = await open(await redis.connect(freshPrefix()));
      await using _ = subject;
      const { gone, kept } = await change(subject, changes);
      const before = await subject.engine.page("room", 0, MESSAGES, MESSAGES);
      const run = node.engine.clean();
      const during = numbers(1, 40).map(newText);
      for (const [i, text] of during.entries()) {
        await subject.post(`during ${i}`, { text, limit: 0 });
        kept.add(text);
        if (i === 20) await changes.erase(3, { limit: 0 });
      }
      await run;
      await node.engine.clean();
      const dump = await dumpAll(node.client);
      expect([...gone].filter((text) => dump.includes(text))).toEqual([]);
      const third = before!.find(({ seq }) => seq === 3)!;
      const texts = [...kept].filter((text) => !third.body.includes(text));
      expect(texts.filter((text) => !dump.includes(text))).toEqual([]);
      for (const text of kept) if (third.body.includes(text)) expect(dump).not.toContain(text);
      const after = (await subject.engine.page("room", 0, MESSAGES, MESSAGES))!;
      const others = (page: typeof after) => page.filter(({ seq }) => seq !== 3);
      expect(others(after)).toEqual(others([...before!]));
      expect(await subject.engine.head("room")).toMatchObject({ seq: MESSAGES + 40, first: 1 });
      expect((await keysUnder(node.client)).filter((key) => /blank|copy|:by:/.test(key))).toEqual([]);
      // A repeat of an erased message is one still.
      expect(await subject.post("2", { limit: 0 })).toMatchObject({ outcome: "duplicate", seq: 2 });
    });

    test("CH3 one of the nodes does it by itself", async () => {
      const { node, subject, changes } = await open(await redis.connect(freshPrefix()));
      await using _ = subject;
      const text = newText();
      await subject.store("a", { text });
      await changes.erase(1);
      expect(await dumpAll(node.client)).toContain(text);
      await waitUntil("the text is gone", async () => {
        node.clock.advance(ERASE_INTERVAL_MS);
        return !(await dumpAll(node.client)).includes(text);
      });
      expect(await changes.messages()).toMatchObject([{ text: "", erased: { by: "anna" } }]);
    });
  });
}

test("CH3 the append-only file is rewritten by itself, and then no file has the texts", async () => {
  await using redis = await startRedis(READABLE_FILES);
  const { node, subject, changes } = await open(await connectTo(redis, freshPrefix()));
  await using _ = subject;
  const { gone, kept } = await change(subject, changes);
  await node.client.commands.save();
  // This shows that the test would find the texts.
  expect(filesWith(redis.folder, gone).length).toBeGreaterThanOrEqual(2);
  await node.engine.clean();
  await node.client.commands.save();
  await waitUntil("no file has them", () => filesWith(redis.folder, gone).length === 0);
  for (const text of kept) expect(filesWith(redis.folder, [text])).toContain("dump.rdb");
});

test("CH3 a Redis that does not allow the rewriting is reported", async () => {
  await using redis = await startRedis(["--appendonly", "yes", "--rename-command", "BGREWRITEAOF", ""]);
  const { node, subject, changes } = await open(await connectTo(redis, freshPrefix()));
  await using _ = subject;
  await subject.store("a");
  await changes.erase(1);
  expect(await readErasures(node.client)).toEqual({ inFileSince: undefined, refused: undefined });
  await node.engine.clean();
  expect(node.log.events()).toContain("store.rewrite_refused");
  const { inFileSince, refused } = await readErasures(node.client);
  expect(inFileSince).toBe(node.clock.now());
  expect(refused).toContain("unknown command");
});
