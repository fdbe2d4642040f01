// The files of a real Redis after a removal: what OPERATIONS promises of snapshots and append-only files that are written later.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ControlStream } from "../../../../src/engine/redis/control-stream.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import { startRedis } from "../../../support/redis/redis-server.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix } from "../support/real-redis.ts";
import { connectTo, NO_SHARED_TASKS, numbers, TestNode } from "../support/test-node.ts";

/** As REWRITE_INTERVAL_MS of src/engine/redis/messages/retention-sweeper.ts. */
const REWRITE_INTERVAL_MS = 25_000;

/** Compressed, a file would not show the texts. Redis writes files only when the test asks for it. */
const OPTIONS = [
  ["--appendonly", "yes"],
  ["--rdbcompression", "no"],
  ["--auto-aof-rewrite-percentage", "0"],
].flat();

/** A text that is nowhere else. */
const newText = () => `${crypto.randomUUID()}${crypto.randomUUID()}`;

/** Returns the files of a folder and of its folders, as bytes read as Latin-1. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => ({ name, bytes: readFileSync(join(parentPath, name), "latin1") }));

for (const preamble of ["yes", "no"]) {
  test(`D5 removed and trimmed texts are in no file that Redis writes later; append-only file with preamble: ${preamble}`, async () => {
    await using redis = await startRedis([...OPTIONS, "--aof-use-rdb-preamble", preamble]);
    const prefix = freshPrefix();
    const retention = { messages: 50, days: 0 };
    const rules = { retention, runOnOneNode: NO_SHARED_TASKS };
    await using node = await TestNode.open(await connectTo(redis, prefix), rules);
    const { commands, keys } = node.client;

    const removed = numbers(1, 40).map(newText);
    const posted = numbers(1, 340).map(newText);
    for (const [i, text] of removed.entries())
      await node.post(`r${i}`, { conversation: "gone", text, data: { text } });
    for (const [i, text] of posted.entries()) await node.post(String(i + 1), { text });
    const { first } = await node.engine.head("room");
    expect(first).toBeGreaterThan(200);
    const [trimmed, kept] = [posted.slice(0, first - 1), posted.slice(first - 1)];

    /** Returns the names of the files that hold one of the texts. */
    const holding = (texts: readonly string[]) =>
      filesOf(redis.folder)
        .filter(({ bytes }) => texts.some((text) => bytes.includes(text)))
        .map(({ name }) => name);
    const save = async () => {
      await commands.save();
      await commands.bgrewriteaof();
      await waitUntil("Redis has rewritten its append-only file", async () => {
        const info = await commands.info("persistence");
        const hasEnded = ["in_progress", "scheduled"].every((state) =>
          info.includes(`aof_rewrite_${state}:0`),
        );
        return hasEnded && info.includes("aof_last_bgrewrite_status:ok");
      });
    };
    /** The names of the snapshot and of the file that BGREWRITEAOF wrote. */
    const written = [expect.stringContaining(".base."), "dump.rdb"];

    // The files of before: this shows that the test would find the texts.
    await save();
    expect(holding(removed).sort()).toEqual(written);
    // Without a preamble the file has a command for each entry that is not trimmed.
    expect(holding(trimmed).sort()).toEqual(preamble === "yes" ? written : ["dump.rdb"]);

    const client = await connectTo(redis, prefix);
    const control = new ControlStream(client, node.clock, node.log.emit);
    const conversations = new RedisConversations(client, control);
    expect(await conversations.remove("gone")).toBe(true);
    await conversations.close();
    await waitUntil("the trimmed texts have left the memory", async () => {
      node.clock.advance(REWRITE_INTERVAL_MS);
      const dump = (await commands.dumpBuffer(keys.conversationKey("room", "log"))).toString("latin1");
      return trimmed.every((text) => !dump.includes(text));
    });

    await save();
    // Redis deletes the append-only files of before in the background.
    await waitUntil("no file holds a removed text", () => holding(removed).length === 0);
    await waitUntil("no file holds a trimmed text", () => holding(trimmed).length === 0);
    // Commands after the fork, such as a copy of the log, are in a file of their own beside the written ones.
    for (const text of kept) expect(holding([text])).toEqual(expect.arrayContaining(written));
  });
}
