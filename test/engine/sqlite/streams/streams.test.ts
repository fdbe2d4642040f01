import { expect, test } from "bun:test";
import { DEFAULT_STREAM_RULES } from "../../../../src/core/streams/draft.ts";
import { openConversations } from "../../../../src/engine/sqlite/messages/conversations.ts";
import { type OpenStreams, StreamSubject } from "../../../contracts/streams/stream-subject.ts";
import { streamsContract } from "../../../contracts/streams.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { StoreFolder } from "../store-folder.ts";

/** The bytes of all values of a table; a number counts as 8. */
function bytesOf(table: string, columns: readonly string[], numbers: number): string {
  const lengths = columns.map((column) => `coalesce(length(cast(${column} as blob)), 0)`).join(" + ");
  return `select coalesce(sum(${lengths} + ${numbers * 8}), 0) as bytes from ${table}`;
}

const ROWS = [
  bytesOf("stream", ["conversation", "epoch", "stream", "user", "id", "cancelled_by"], 5),
  bytesOf("stream_batch", ["text", "data"], 3),
  bytesOf("message", ["id", "sender", "kind", "body"], 5),
];

const open: OpenStreams = async (clock, retention) => {
  const folder = new StoreFolder();
  let store = await folder.open(clock, retention);
  const reopen = async () => {
    await store.close();
    store = await folder.open(clock, retention);
    return store.engine;
  };
  return {
    engine: store.engine,
    reopen,
    clean: () => store.applyRetention(),
    close: () => folder[Symbol.asyncDispose](),
    async rowBytes() {
      using db = folder.connect();
      return ROWS.reduce((sum, query) => sum + (db.query(query).get() as { bytes: number }).bytes, 0);
    },
    async removeConversation(conversation) {
      const { path: dataDir, log } = folder;
      const conversations = openConversations({ dataDir, clock, emit: log.emit, sync: "normal" });
      await conversations.remove(conversation);
      await conversations.close();
    },
  };
};

streamsContract("sqlite", open);

test("ST2 what a writer sends of a stream that has ended is answered with the number of its message", async () => {
  await using streams = await StreamSubject.begin(open);
  await streams.subject.store("m");
  const writer = await streams.open("a");
  const [, late] = await Promise.all([streams.end(writer), streams.end(writer)]);
  const fenced = { outcome: "fenced", seq: 2 } as const;
  expect(late).toEqual(fenced);
  expect(await streams.append(writer, { n: 1, text: "late" })).toEqual(fenced);
  // The name is that of another conversation now.
  await streams.removeConversation("room");
  expect(await streams.append(writer, { n: 1, text: "late" })).toEqual({ outcome: "fenced" });
});

test("ST3 the lease begins again where the server itself was stopped for longer", async () => {
  await using streams = await StreamSubject.begin(open);
  const { clock } = streams.subject;
  const { lease } = DEFAULT_STREAM_RULES;
  const writer = await streams.open("a");
  clock.advance(1_000);
  clock.jump(2 * lease);
  expect(await streams.append(writer, { n: 1, text: "on" })).toEqual({ outcome: "stored", n: 1 });
  await streams.open("b");
  clock.jump(2 * lease);
  clock.advance(lease - 1_000);
  expect(await streams.drafts()).toHaveLength(2);
  clock.advance(2_000);
  await waitUntil("both have ended", async () => (await streams.drafts()).length === 0);
});
