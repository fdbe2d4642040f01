// Random runs of several nodes whose connections to Redis are cut: each message is delivered complete, in order and
// once.
import { describe, expect, test } from "bun:test";
import { messageContent } from "../../../support/entries.ts";
import { Random, seeds } from "../../../support/random.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

/** Cuts connections of one kind on all nodes: those for commands, or those for announcements. */
async function cut({ client: { primaries } }: TestNode, kind: "normal" | "pubsub"): Promise<void> {
  await Promise.allSettled(primaries.map((server) => server.call("CLIENT", "KILL", "TYPE", kind)));
}

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    for (const seed of seeds(41, 42)) {
      test(`D1 D3 D5 Q2 nodes with randomly cut connections deliver each message once, in order, and before its ack (seed ${seed})`, async () => {
        const random = new Random(seed);
        const prefix = freshPrefix();
        const nodes = await Promise.all(
          [1, 2, 3].map(async () => TestNode.open(await redis.connect(prefix))),
        );
        const rooms = ["red", "green"];
        /** What each node delivers for each room: the `seq` of messages, and of acks as a negative number. */
        const delivered = new Map<string, number[]>();
        const nameOf = (node: TestNode, room: string) => `${nodes.indexOf(node)} ${room}`;
        const lost: string[] = [];
        for (const node of nodes) {
          node.engine.watchEpoch((conversation) => lost.push(conversation));
          for (const room of rooms) {
            const seqs: number[] = [];
            delivered.set(nameOf(node, room), seqs);
            await node.engine.subscribe(room, (_, { seq }) => seqs.push(seq));
          }
        }
        const stored = new Map(rooms.map((room) => [room, [] as string[]]));
        const post = async (node: TestNode, conversation: string, id: string) => {
          let sent = 0;
          for (;;) {
            const outcome = await new Promise<string>((resolve) =>
              node.engine.post(
                { conversation, user: "anna", id, ...messageContent(id), limit: 10_000 },
                (result) => {
                  if ("seq" in result) {
                    stored.get(conversation)![result.seq - 1] = id;
                    if (result.outcome === "stored")
                      delivered.get(nameOf(node, conversation))!.push(-result.seq);
                  }
                  resolve(result.outcome);
                },
              ),
            );
            sent++;
            if (outcome !== "unavailable") return sent;
            // A feed that could not be read is checked again when time passes.
            node.clock.advance(CHECKED);
            await Bun.sleep(5);
          }
        };
        const posts: Promise<number>[] = [];
        for (let round = 0; round < 80; round++) {
          for (let i = random.between(0, 6); i > 0; i--)
            posts.push(post(random.pick(nodes), random.pick(rooms), `${round}.${i}`));
          if (random.next() < 0.06) await cut(random.pick(nodes), random.pick(["normal", "pubsub"]));
          if (random.next() < 0.4) await posts.at(-1);
          else await Bun.sleep(1);
        }
        await Promise.all(posts);
        for (const [name, seqs] of delivered) {
          const count = stored.get(name.split(" ")[1]!)!.length;
          await waitUntil(`all messages of ${name}`, () => {
            for (const node of nodes) node.clock.advance(CHECKED);
            return seqs.filter((seq) => seq > 0).length >= count;
          });
          expect(seqs.filter((seq) => seq > 0)).toEqual(numbers(1, count));
          for (const [i, seq] of seqs.entries())
            if (seq < 0) expect(Math.max(...seqs.slice(0, i))).toBe(-seq);
        }
        expect(lost).toEqual([]);
        await waitUntil("all nodes are ready", () => nodes.every(({ client }) => client.ready));
        expect(await nodes[0]!.engine.quota("anna", 10_000)).toMatchObject({
          remaining: 10_000 - posts.length,
        });
        for (const room of rooms) {
          const kept = await nodes[1]!.engine.page(room, 0, 10_000, 1_000);
          expect(kept!.map(({ id }) => id)).toEqual(stored.get(room)!);
        }
        await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
      });
    }
  });
}
