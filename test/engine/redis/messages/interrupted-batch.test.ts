// Redis does not undo a script that ends half way. The story: an ACL user lost the permission for RPUSH for a moment.
// Messages sent then were refused; sent again, they were acknowledged and stored nowhere, or the charge was gone.
import { describe, expect, test } from "bun:test";
import type { Entry } from "../../../../src/core/conversation/entry.ts";
import type { Clock } from "../../../../src/core/ports/clock.ts";
import type { PostRequest, PostResult } from "../../../../src/core/ports/message-log.ts";
import { EventStreams } from "../../../../src/engine/redis/feed/event-streams.ts";
import { PageReader } from "../../../../src/engine/redis/feed/page-reader.ts";
import { InterruptedScripts } from "../support/interrupted-scripts.ts";
import { namesInOneBucket } from "../support/names-in-one-bucket.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

const LIMIT = 100;

/** In Cluster, too, one call carries all conversations and one all users: the worst place to end is in the middle of them. */
const [A, B] = namesInOneBucket("room", 2) as [string, string];
const [ANNA, BEN] = namesInOneBucket("user", 2) as [string, string];

/** The posts of the interrupted batch; a user and a conversation occur twice, and one message does. */
const SENT: readonly Pick<PostRequest, "conversation" | "user" | "id">[] = [
  { conversation: A, user: ANNA, id: "m1" },
  { conversation: B, user: ANNA, id: "m2" },
  { conversation: A, user: BEN, id: "m3" },
  { conversation: A, user: ANNA, id: "m4" },
  { conversation: A, user: ANNA, id: "m1" },
];

/** Scripts of a batch, in their order. */
const SCRIPTS = {
  standalone: ["messages/batch"],
  cluster: ["messages/reserve", "messages/append", "messages/settle"],
} as const;

/** More writes than any script of this batch makes. */
const MOST_WRITES = 40;

const send = (node: TestNode): Promise<PostResult[]> =>
  Promise.all(SENT.map(({ id, ...fields }) => node.post(id, { ...fields, limit: LIMIT })));

/** Of each event of a message its conversation and seq, once for each id. */
async function eventsOf(node: TestNode): Promise<string[]> {
  const reader = new PageReader(new EventStreams(node.client), undefined, {}, 1_000);
  const { events } = await reader.read(node.engine.storeEpoch);
  const ids = new Map(
    events.map(({ id, type, conversation, seq }) => [id, `${type} ${conversation} ${seq ?? ""}`]),
  );
  return [...ids.values()].sort();
}

async function stored(node: TestNode): Promise<Map<string, readonly Entry[]>> {
  const pages = [A, B].map(async (conversation) => {
    const page = await node.engine.page(conversation, 0, Number.MAX_SAFE_INTEGER, 200);
    return [conversation, page!] as const;
  });
  return new Map(await Promise.all(pages));
}

/** How many messages of a user are stored. */
const ofUser = (messages: ReadonlyMap<string, readonly Entry[]>, user: string): number =>
  [...messages.values()].flat().filter(({ from }) => from === user).length;

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(`on Redis, ${kind}`, () => {
    const redis = useRealRedis(kind);

    test.each([...SCRIPTS[kind]])(
      "D2 D3 Q2 EV1 wherever %s ends, a repeated post is stored once, charged once, acknowledged with its seq, and one event",
      async (script) => {
        let ended = true;
        for (let write = 1; ended; write++) {
          expect(write).toBeLessThan(MOST_WRITES);
          const client = await redis.connect(freshPrefix());
          await using node = await TestNode.open(client);
          await node.post("m0", { conversation: A, user: ANNA, limit: LIMIT });
          const broken = new InterruptedScripts(client);
          broken.next = { script, write };
          const first = await send(node);
          ended = broken.happened;
          const where = `${script} at write ${write}`;
          const between = await stored(node);
          // Another post first: the half-finished state must not disturb it.
          const other = await node.post("other", { conversation: A, user: "cleo", limit: LIMIT });
          expect([where, other]).toEqual([where, expect.objectContaining({ outcome: "stored" })]);
          if (kind === "standalone")
            for (const user of [ANNA, BEN])
              expect([where, (await node.engine.quota(user, LIMIT))?.remaining]).toEqual([
                where,
                LIMIT - ofUser(between, user),
              ]);
          const second = await send(node);
          const all = await stored(node);
          for (const [i, result] of [...first, ...second].entries()) {
            if (result.outcome === "unavailable" && i < SENT.length) continue;
            const { conversation, id } = SENT[i % SENT.length]!;
            if (!("seq" in result)) throw new Error(`${where}: ${id} got ${result.outcome}`);
            const [message] = all.get(conversation)!.filter(({ seq }) => seq === result.seq);
            expect([where, message?.id]).toEqual([where, id]);
          }
          expect([
            where,
            all
              .get(A)!
              .map(({ id }) => id)
              .sort(),
          ]).toEqual([where, ["m0", "m1", "m3", "m4", "other"]]);
          expect([where, all.get(B)!.map(({ id }) => id)]).toEqual([where, ["m2"]]);
          for (const [user, count] of [
            [ANNA, 4],
            [BEN, 1],
            ["cleo", 1],
          ] as const)
            expect([where, user, (await node.engine.quota(user, LIMIT))?.remaining]).toEqual([
              where,
              user,
              LIMIT - count,
            ]);
          expect([where, (await node.engine.head(A)).seq]).toEqual([where, 5]);
          const messages = [...[1, 2, 3, 4, 5].map((seq) => `${A} ${seq}`), `${B} 1`];
          const events = [
            ...[A, B].map((conversation) => `conversation.created ${conversation} `),
            ...messages.map((message) => `message.created ${message}`),
          ];
          expect([where, await eventsOf(node)]).toEqual([where, events.sort()]);
        }
      },
    );

    test("D2 D3 Q2 conversations that one call left half written are all healed by the next call, which is acknowledged", async () => {
      const script = SCRIPTS[kind].find((name) => name !== "messages/reserve")!;
      let ended = true;
      for (let write = 1; ended; write++) {
        expect(write).toBeLessThan(MOST_WRITES);
        const client = await redis.connect(freshPrefix());
        await using node = await TestNode.open(client);
        const broken = new InterruptedScripts(client);
        broken.next = { script, write };
        await send(node);
        ended = broken.happened;
        const seqs = (await send(node)).map((result) => ("seq" in result ? result.seq : result.outcome));
        expect([write, seqs]).toEqual([write, [1, 1, 2, 3, 1]]);
        expect([write, (await node.engine.quota(ANNA, LIMIT))?.remaining]).toEqual([write, LIMIT - 3]);
        expect([write, (await node.engine.quota(BEN, LIMIT))?.remaining]).toEqual([write, LIMIT - 1]);
      }
    });
  });
}

describe("on one Redis", () => {
  const redis = useRealRedis("standalone");

  test("D3 Q2 neither a quota history nor a message is charged when its script was interrupted", async () => {
    let ended = true;
    for (let write = 1; ended; write++) {
      const client = await redis.connect(freshPrefix());
      await using node = await TestNode.open(client);
      await node.fill(1, 3, { limit: LIMIT });
      const broken = new InterruptedScripts(client);
      broken.next = { script: "messages/batch", write };
      const history = new Promise<{ outcome: string }>((resolve) =>
        node.engine.history({ conversation: "room", user: "anna", limit: LIMIT, count: 10 }, resolve),
      );
      const moved = node.engine.setReadMark("room", "anna", 2);
      const { outcome } = await history;
      ended = broken.happened;
      await moved;
      const { remaining } = (await node.engine.quota("anna", LIMIT))!;
      expect([write, outcome, remaining]).toEqual([write, outcome, LIMIT - 3 - (outcome === "read" ? 1 : 0)]);
      expect(outcome).toBe(ended ? "unavailable" : "read");
    }
  });

  test("D2 a dedupe key that points at another message's seq is ignored", async () => {
    await using node = await TestNode.open(await redis.connect(freshPrefix()));
    await node.fill(1, 3);
    const { commands, keys } = node.client;
    await commands.hset(keys.conversationKey("room", "ids"), "anna ghost", "2", "anna later", "9");
    expect(await node.post("ghost")).toMatchObject({ outcome: "stored", seq: 4 });
    expect(await node.post("later")).toMatchObject({ outcome: "stored", seq: 5 });
  });

  test("D3 a clock that was set back and a script interrupted while it moves the charges lose no charge", async () => {
    let ended = true;
    for (let write = 1; ended; write++) {
      const client = await redis.connect(freshPrefix());
      let now = 10_000_000;
      const time: Clock = {
        now: () => now,
        turn: () => now,
        wall: () => now,
        latest: () => now,
        every: () => () => {},
      };
      await using node = await TestNode.open(client, { time });
      await node.fill(1, 5, { limit: LIMIT });
      now -= 60_000;
      const broken = new InterruptedScripts(client);
      broken.next = { script: "messages/batch", write };
      await node.post("6", { limit: LIMIT });
      ended = broken.happened;
      await node.post("6", { limit: LIMIT });
      expect([write, (await node.engine.quota("anna", LIMIT))?.remaining]).toEqual([write, LIMIT - 6]);
    }
  });
});
