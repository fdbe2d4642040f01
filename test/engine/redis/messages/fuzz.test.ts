// Random runs of several nodes whose lines to Redis are cut: whatever is told is whole, in order, and said once.
import { describe, expect, test } from "bun:test";
import { Random, seeds } from "../../../support/random.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";
import { freshPrefix, KINDS, useRealRedis } from "../support/real-redis.ts";
import { numbers, TestNode } from "../support/test-node.ts";

/** Long enough for every room to be compared with the store once. */
const CHECKED = 5_000;

/** Cuts lines of one kind of all nodes: those on which commands go, or those on which announcements come. */
async function cut({ client: { primaries } }: TestNode, kind: "normal" | "pubsub"): Promise<void> {
  await Promise.allSettled(primaries.map((server) => server.call("CLIENT", "KILL", "TYPE", kind)));
}

for (const kind of KINDS) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    for (const seed of seeds(41, 42)) {
      test(`D1 D3 D5 Q2 nodes whose lines are cut at random tell everything once, in order, with each ack after its message (seed ${seed})`, async () => {
        const random = new Random(seed);
        const prefix = freshPrefix();
        const nodes = await Promise.all(
          [1, 2, 3].map(async () => TestNode.open(await redis.connect(prefix))),
        );
        const rooms = ["red", "green"];
        /** What each node tells of each room: the `seq` of messages, and of acks behind a minus. */
        const told = new Map<string, number[]>();
        const nameOf = (node: TestNode, room: string) => `${nodes.indexOf(node)} ${room}`;
        const lost: string[] = [];
        for (const node of nodes) {
          node.engine.watchEpoch((conversation) => lost.push(conversation));
          for (const room of rooms) {
            const seqs: number[] = [];
            told.set(nameOf(node, room), seqs);
            await node.engine.subscribe(room, (_, { seq }) => seqs.push(seq));
          }
        }
        const stored = new Map(rooms.map((room) => [room, [] as string[]]));
        const say = async (node: TestNode, conversation: string, id: string) => {
          let sent = 0;
          for (;;) {
            const outcome = await new Promise<string>((resolve) =>
              node.engine.post({ conversation, user: "anna", id, text: id, limit: 10_000 }, (result) => {
                if ("seq" in result) {
                  stored.get(conversation)![result.seq - 1] = id;
                  if (result.outcome === "stored") told.get(nameOf(node, conversation))!.push(-result.seq);
                }
                resolve(result.outcome);
              }),
            );
            sent++;
            if (outcome !== "unavailable") return sent;
            await Bun.sleep(5);
          }
        };
        const saying: Promise<number>[] = [];
        for (let turn = 0; turn < 80; turn++) {
          for (let i = random.between(0, 6); i > 0; i--)
            saying.push(say(random.pick(nodes), random.pick(rooms), `${turn}.${i}`));
          if (random.next() < 0.06) await cut(random.pick(nodes), random.pick(["normal", "pubsub"]));
          if (random.next() < 0.4) await saying.at(-1);
          else await Bun.sleep(1);
        }
        await Promise.all(saying);
        for (const [name, seqs] of told) {
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
        expect(await nodes[0]!.engine.quota("anna", 10_000)).toMatchObject({
          remaining: 10_000 - saying.length,
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
