// Streams whose writers, readers and moderators are on different nodes.
import { describe, expect, test } from "bun:test";
import type { StreamEvent } from "../../../../src/core/ports/conversation/streams.ts";
import { DEFAULT_STREAM_RULES } from "../../../../src/core/streams/draft.ts";
import { RedisConversations } from "../../../../src/engine/redis/messages/conversations.ts";
import type { StreamSubject } from "../../../contracts/streams/stream-subject.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import {
  freshPrefix,
  KINDS_OF_COMMON_CODE,
  keysUnder,
  type RealRedis,
  useRealRedis,
} from "../support/real-redis.ts";
import { streamsOf } from "../support/streams-of.ts";
import { TestNode } from "../support/test-node.ts";

/** A node with what its clients see of `room`. */
interface Side {
  readonly node: TestNode;
  readonly streams: StreamSubject;
  readonly events: StreamEvent[];
  /** The messages that were delivered. */
  readonly messages: { readonly id: string; readonly body: string }[];
}

async function openSides(redis: RealRedis) {
  const prefix = freshPrefix();
  const clock = new ManualClock();
  const sides: Side[] = [];
  for (let i = 0; i < 2; i++) {
    const node = await TestNode.open(await redis.connect(prefix), { clock, time: clock });
    const streams = await streamsOf(node);
    sides.push({ node, streams, events: streams.watch(), messages: await node.subscribe() });
  }
  const [a, b] = sides as [Side, Side];
  const dispose = async () => void (await Promise.all(sides.map(({ node }) => node[Symbol.asyncDispose]())));
  return { a, b, clock, [Symbol.asyncDispose]: dispose };
}

const typesOf = (events: readonly StreamEvent[]) => events.map(({ type }) => type);

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    test("ST1 the readers of another node get the draft, its appends as fewer ones, and one message", async () => {
      await using sides = await openSides(redis);
      const { a, b } = sides;
      const writer = await a.streams.open("a", { data: '{"m":1}' });
      const { stream, generation } = writer;
      await waitUntil("the draft is known", () => b.events.length === 1);
      expect(b.events[0]).toMatchObject({
        type: "draft",
        draft: { stream, id: "a", from: "anna", text: "" },
      });
      const texts = ["one", " two", " \u{1F642}".slice(0, 2), "\u{1F642}".slice(1), "!"];
      for (const [i, text] of texts.entries())
        a.node.engine.streams.publish({
          ...{ type: "append", conversation: "room", stream, generation, after: i, n: i + 1, text },
          ...(i === 1 && { data: '{"m":2}' }),
        });
      expect(typesOf(a.events)).toEqual(["draft", ...texts.map((): StreamEvent["type"] => "append")]);
      await waitUntil("the appends are there", () => {
        const last = b.events.at(-1);
        return last?.type === "append" && last.n === texts.length;
      });
      const passed = b.events.slice(1).flatMap((event) => (event.type === "append" ? [event] : []));
      expect(passed.length).toBeLessThan(texts.length);
      expect(passed.map(({ text }) => text).join("")).toBe(texts.join(""));
      expect(passed.some(({ data }) => data === '{"m":2}')).toBe(true);
      await a.streams.end(writer, { appends: texts.map((text, i) => ({ n: i + 1, text })) });
      await waitUntil("the stream has ended", () => typesOf(b.events).includes("ended"));
      await waitUntil("the message is there", () => b.messages.length === 1);
      expect(JSON.parse(`{${b.messages[0]!.body}}`)).toMatchObject({ text: texts.join("") });
      expect(a.messages).toEqual(b.messages);
      expect(b.events.at(-1)).toEqual({ type: "ended", conversation: "room", stream, seq: 1 });
    });

    test("ST4 a stop at another node reaches a writer that has not opened the conversation", async () => {
      await using sides = await openSides(redis);
      const { a, b } = sides;
      await b.node.post("question", { user: "ben", conversation: "other" });
      const { stream } = await a.streams.open("a", { conversation: "other", replyTo: 1 });
      const stop = () => b.streams.cancel({ replyTo: 1 }, "ben", { conversation: "other" });
      // Until the node of the writer is subscribed, which it does not wait for, an event may be lost.
      await waitUntil("the writer is asked", async () => {
        expect(await stop()).toEqual({ outcome: "asked", streams: 1 });
        return a.events.some((event) => event.type === "cancel" && event.stream === stream);
      });
    });

    test("ST2 a takeover at another node fences the writer, and its readers get the whole text", async () => {
      await using sides = await openSides(redis);
      const { a, b } = sides;
      const first = await a.streams.open("a");
      await a.streams.append(first, { n: 1, text: "one" });
      const second = await b.streams.open("a");
      expect(second).toEqual({ ...first, generation: 2 });
      expect(await a.streams.append(first, { n: 2, text: " late" })).toEqual({ outcome: "fenced" });
      await waitUntil("the other node knows", () =>
        a.events.some((event) => event.type === "draft" && event.draft.generation === 2),
      );
      expect(a.events.at(-1)).toMatchObject({ draft: { n: 1, text: "one" } });
      expect(await b.streams.end(second, { appends: [{ n: 2, text: " two" }] })).toMatchObject({ seq: 1 });
      // A late end learns of the message.
      expect(await a.streams.end(first)).toEqual({ outcome: "fenced", seq: 1 });
    });

    test("ST3 the stream of a node that is gone becomes one message", async () => {
      await using sides = await openSides(redis);
      const { a, b, clock } = sides;
      const writer = await a.streams.open("a");
      await a.streams.append(writer, { n: 1, text: "so far" });
      await a.node.client.close();
      clock.advance(DEFAULT_STREAM_RULES.lease - 1_000);
      expect(await b.streams.drafts()).toHaveLength(1);
      clock.advance(2_000);
      await waitUntil("the message is there", () => b.messages.length === 1);
      expect(b.messages[0]!.body).toContain('"text":"so far"');
      expect(b.messages[0]!.body).toContain('"state":"interrupted"');
      expect(await b.streams.drafts()).toEqual([]);
      expect((await keysUnder(b.node.client)).filter((key) => /draft|leases/.test(key))).toEqual([]);
    });

    test("ST1 ST3 ends, sweeps, stops and refusals at the same moment on two nodes make one message of each stream", async () => {
      await using sides = await openSides(redis);
      const { a, b, clock } = sides;
      const count = 6;
      const writers = await Promise.all(
        Array.from({ length: count }, (_, i) => a.streams.open(`s${i}`, { user: `u${i}` })),
      );
      await Promise.all(writers.map((writer, i) => a.streams.append(writer, { n: 1, text: `text ${i}` })));
      clock.advance(DEFAULT_STREAM_RULES.lease + 1_000);
      await Promise.all(
        writers.flatMap((writer, i): Promise<unknown>[] => [
          a.streams.end(writer),
          b.streams.end(writer),
          b.streams.cancel({ stream: writer.stream }, "mod", { moderates: true, discard: true }),
          b.node.engine.streams.refuse(`u${i}`, undefined),
        ]),
      );
      await waitUntil("all have ended", async () => (await a.streams.drafts()).length === 0);
      await waitUntil("all are there", () => a.messages.length === count && b.messages.length === count);
      expect(a.messages.map(({ id }) => id).sort()).toEqual(writers.map((_, i) => `s${i}`));
      expect(b.messages).toEqual(a.messages);
      expect((await a.node.engine.head("room")).seq).toBe(count);
      for (const { events } of [a, b])
        await waitUntil("each end is reported", () =>
          writers.every(({ stream }) =>
            events.some((event) => event.type === "ended" && event.stream === stream && event.seq > 0),
          ),
        );
    });

    test("MB6 ST1 a conversation that is removed takes its drafts with it", async () => {
      await using sides = await openSides(redis);
      const { a, b, clock } = sides;
      await a.node.post("m");
      const writer = await a.streams.open("a");
      await a.streams.append(writer, { n: 1, text: "secret" });
      const conversations = new RedisConversations(b.node.client, { append: async () => {} }, clock);
      expect(await conversations.remove("room")).toBe(true);
      expect(await b.streams.drafts()).toEqual([]);
      expect((await keysUnder(b.node.client)).filter((key) => key.includes("draft"))).toEqual([]);
      expect(await a.streams.append(writer, { n: 2, text: "late" })).toEqual({ outcome: "fenced" });
      expect(await a.streams.end(writer)).toEqual({ outcome: "fenced" });
      expect((await b.node.engine.head("room")).seq).toBe(1);
      expect(await a.streams.start("a")).toMatchObject({ outcome: "started", generation: 1 });
    });
  });
}
