// The body of an entry goes through Redis as it is: scripts and other nodes parse only the short fields before it.
import { describe, expect, test } from "bun:test";
import type { Entry } from "../../../../src/core/conversation/entry.ts";
import type { HistoryResult, PostRequest } from "../../../../src/core/ports/message-log.ts";
import {
  decodeAnnouncement,
  decodeList,
  decodeRecord,
  encodeRecord,
} from "../../../../src/engine/redis/messages/message-encoding.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

/** Bodies that would not survive being parsed and encoded; the last one is no JSON. */
const BODIES = ['"text" : "grüß 🙂"', String.raw`"text":"\u0041\/","data":{ "n": 1.50 }`, "] no JSON } 1 2"];

const request = (body: string, i: number): PostRequest => ({
  conversation: "room",
  user: "anna",
  id: `${i} "q" \\`,
  kind: "message",
  body,
  limit: 0,
});

test("D1 a record holds kind, sender, id and body, and is read without a look into the body", () => {
  for (const [i, body] of BODIES.entries()) {
    const record = encodeRecord(request(body, i));
    expect(record).toBe(`m\tanna\t${i} "q" \\\t${body}`);
    const entry: Entry = { kind: "message", seq: 5, id: `${i} "q" \\`, from: "anna", at: 7, body };
    expect(decodeRecord(record, 5, 7)).toEqual(entry);
    expect(decodeList(`5 7 ${record}\n6 8 ${record}`)).toEqual([entry, { ...entry, seq: 6, at: 8 }]);
  }
  expect(decodeList("")).toEqual([]);
  expect(() => decodeRecord("x\tanna\ta\t", 1, 1)).toThrow("newer Parley");
  expect(decodeAnnouncement("e.0 3 4 9\nm\tone\nm\ttwo")).toEqual({
    epoch: "e.0",
    first: 3,
    last: 4,
    at: 9,
    records: "m\tone\nm\ttwo",
    rev: 0,
  });
});

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("D1 another node receives the bodies byte for byte, announced and read; the stream holds them so", async () => {
      const prefix = freshPrefix();
      await using one = await TestNode.open(await redis.connect(prefix));
      await using other = await TestNode.open(await redis.connect(prefix));
      const [own, received] = [await one.subscribe(), await other.subscribe()];
      for (const [i, body] of BODIES.entries())
        await new Promise((done) => one.engine.post(request(body, i), done));
      await waitUntil("all announced", () => received.length === BODIES.length);
      expect(received.map(({ id, from, body }) => [id, from, body])).toEqual(
        BODIES.map((body, i) => [`${i} "q" \\`, "anna", body]),
      );
      expect(received).toEqual(own);
      expect(await other.engine.page("room", 0, BODIES.length, 9)).toEqual(own);
      const { commands, keys } = one.client;
      const stored = await commands.xrange(keys.conversationKey("room", "log"), "-", "+");
      expect(stored.map(([id, fields]) => [id, fields[5]])).toEqual(
        BODIES.map((body, i) => [`${i + 1}-0`, encodeRecord(request(body, i))]),
      );
    });

    test("Q4 an entry of a newer Parley makes its history unavailable, and no other request of the batch", async () => {
      await using node = await TestNode.open(await redis.connect(freshPrefix()));
      const { client, engine } = node;
      const { runDurably } = client;
      client.runDurably = (script, keys, values, ...rest) => {
        const newer = values.map((value) => (String(value).startsWith("m\tnew") ? `x${value}` : value));
        return runDurably.call(client, script, keys, newer, ...rest);
      };
      await node.post("1", { conversation: "newer", user: "new" });
      client.runDurably = runDurably;
      const history = (conversation: string) =>
        new Promise<HistoryResult>((done) =>
          engine.history({ conversation, user: "anna", limit: 0, count: 10 }, done),
        );
      const results = [node.post("2"), history("newer"), node.post("3"), history("room")];
      expect((await Promise.all(results)).map(({ outcome }) => outcome as string)).toEqual([
        ...["stored", "unavailable", "stored", "read"],
      ]);
      expect(node.log.events()).toEqual(["store.read_failed"]);
    });
  });
}
