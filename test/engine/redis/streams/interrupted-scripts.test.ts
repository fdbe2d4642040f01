// Redis does not undo a script that ends half way. Wherever one of those that keep streams ends, the same request brings what it
// would have brought, and a stream becomes one message.
import { describe, expect, test } from "bun:test";
import { DEFAULT_STREAM_RULES } from "../../../../src/core/streams/draft.ts";
import { decodeEntry } from "../../../support/entries.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { FeedReader } from "../support/feed-reader.ts";
import { InterruptedScripts } from "../support/interrupted-scripts.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";
import { streamsOf } from "../support/streams-of.ts";
import { TestNode } from "../support/test-node.ts";

const LIMIT = 100;

/** More writes than any of these scripts makes. */
const MOST_WRITES = 40;

/** The scripts that a start and an end run. */
const SCRIPTS = {
  standalone: ["messages/batch"],
  cluster: ["streams/place-claim", "messages/reserve", "messages/append", "messages/settle"],
} as const;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function open() {
      const client = await redis.connect(freshPrefix());
      const clock = new ManualClock();
      const node = await TestNode.open(client, { clock, time: clock });
      const streams = await streamsOf(node);
      const messages = async () =>
        (await node.engine.page("room", 0, Number.MAX_SAFE_INTEGER, 200))!.map(decodeEntry);
      return {
        ...{ client, clock, node, streams, messages, broken: new InterruptedScripts(client) },
        [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
      };
    }

    /** Nothing is left of streams that have ended; a lease without its stream goes when it is over. */
    async function clean({ client, clock }: Awaited<ReturnType<typeof open>>, where: string): Promise<void> {
      clock.advance(DEFAULT_STREAM_RULES.lease);
      await waitUntil(`${where}: nothing is left`, async () => {
        clock.advance(1_000);
        return (await keysUnder(client)).every((key) => !/draft|leases/.test(key));
      });
    }

    test.each([...SCRIPTS[kind]])(
      "ST2 ST6 wherever %s ends, the same start opens one stream, charged once at most",
      async (script) => {
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          await using store = await open();
          const { broken, streams, node, messages } = store;
          broken.next = { script, write };
          const first = await streams.start("a", { limit: LIMIT });
          ended = broken.happened;
          const where = `${script} at write ${write}`;
          const writer = first.outcome === "started" ? first : await streams.start("a", { limit: LIMIT });
          if (writer.outcome !== "started" && writer.outcome !== "taken_over")
            throw new Error(`${where}: ${writer.outcome}`);
          const drafts = await streams.drafts();
          expect([where, drafts.length]).toEqual([where, 1]);
          expect([where, (await node.post("a", { limit: LIMIT })).outcome]).toEqual([where, "id_in_use"]);
          const result = await streams.end(
            { conversation: "room", ...writer },
            { appends: [{ n: 1, text: "x" }] },
          );
          expect([where, result]).toEqual([where, expect.objectContaining({ outcome: "stored", seq: 1 })]);
          expect([where, await messages()]).toEqual([
            where,
            [expect.objectContaining({ id: "a", text: "x" })],
          ]);
          // On one Redis a charge is given back when its batch was aborted, also where the draft was written already.
          const left = (await node.engine.quota("anna", LIMIT))!.remaining;
          expect([where, left >= LIMIT - 1 && (kind === "standalone" || left === LIMIT - 1)]).toEqual([
            where,
            true,
          ]);
          await clean(store, where);
        }
      },
    );

    test("ST1 ST3 EV1 wherever the script of an end is cut off, readers find the draft or its message, and one message and one event come of it", async () => {
      const script = kind === "standalone" ? "messages/batch" : "messages/append";
      // Each takes a while in Cluster, where what an abort leaves is the same.
      const finishers =
        kind === "standalone" ? (["writer", "sweep", "takeover"] as const) : (["writer"] as const);
      for (const finisher of finishers) {
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          await using store = await open();
          const { broken, streams, node, messages, clock, client } = store;
          const received = await node.subscribe();
          await node.post("m0");
          const writer = await streams.open("a", { data: '{"k":1}' });
          await streams.append(writer, { n: 1, text: "one" });
          broken.next = { script, write };
          const appends = [
            { n: 1, text: "one" },
            { n: 2, text: " two" },
          ];
          const first = await streams.end(writer, { appends });
          ended = broken.happened;
          const where = `${finisher} after write ${write}`;
          // Another message first: the half-finished state must not disturb it.
          const other = await node.post("other");
          expect([where, other.outcome]).toEqual([where, "stored"]);
          // A reader that comes now has the message, and must not be shown its draft after that.
          const ids = (await messages()).map(({ id }) => id);
          const shown = (await streams.drafts()).map(({ id }) => id);
          expect([where, shown]).toEqual([where, ids.includes("a") ? [] : ["a"]]);
          if (first.outcome === "unavailable") {
            if (finisher === "writer") {
              const again = await streams.end(writer, { appends });
              expect([where, again.outcome]).toEqual([where, "stored"]);
            } else if (finisher === "sweep") {
              clock.advance(DEFAULT_STREAM_RULES.lease + 1_000);
            } else {
              const taken = await streams.start("a");
              if (taken.outcome === "taken_over")
                await streams.end({ conversation: "room", ...taken }, { appends });
              else expect([where, taken.outcome]).toEqual([where, "duplicate"]);
            }
          }
          await waitUntil(`${where}: the stream has ended`, async () => {
            clock.advance(1_000);
            return !(await keysUnder(client)).some((key) => key.endsWith(":drafts"));
          });
          const all = await messages();
          expect([where, all.map(({ id }) => id).sort()]).toEqual([where, ["a", "m0", "other"]]);
          const message = all.find(({ id }) => id === "a")!;
          const text = finisher === "sweep" && message.stream?.state === "interrupted" ? "one" : "one two";
          expect([where, message.text, message.data]).toEqual([where, text, { k: 1 }]);
          await waitUntil(`${where}: all are delivered`, () => {
            clock.advance(5_000);
            return received.length === 3;
          });
          expect([where, received.map(({ seq }) => seq)]).toEqual([where, [1, 2, 3]]);
          const reader = await new FeedReader(node.client).readAll();
          expect([where, reader.seqs("room", "stream.ended")]).toEqual([where, [message.seq]]);
          expect([where, reader.seqs("room")]).toEqual([where, [1, 2, 3]]);
          await clean(store, where);
        }
      }
    });

    test("ST2 ST4 wherever the script of an append or a stop ends, the same request completes it", async () => {
      for (const script of ["streams/append", "streams/cancel"] as const) {
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          await using store = await open();
          const { broken, streams, messages } = store;
          await store.node.post("question", { user: "ben" });
          const writer = await streams.open("a", { replyTo: 1 });
          broken.next = { script, write };
          const append = () => streams.append(writer, { n: 1, text: "one", data: '{"k":1}' });
          const stop = () => streams.cancel({ replyTo: 1 }, "ben");
          const [first, request] =
            script === "streams/append" ? [await append(), append] : [await stop(), stop];
          ended = broken.happened;
          expect(first.outcome === "unavailable").toBe(ended);
          if (ended) expect(["stored", "asked"]).toContain((await request()).outcome);
          if (script === "streams/cancel") await append();
          else await stop();
          await streams.end(writer);
          expect((await messages())[1]).toMatchObject({
            ...{ id: "a", text: "one", data: { k: 1 } },
            stream: { state: "cancelled" },
          });
          expect(await streams.start("b", { replyTo: 1 })).toMatchObject({ cancelledBy: "ben" });
        }
      }
    });
  });
}
