// Redis does not undo a script that ends half way. Wherever one of those that keep changes ends, a change is made as a whole or not
// at all, and the same request brings what it would have brought.
import { describe, expect, test } from "bun:test";
import type { Change } from "../../../../src/core/changes/decide-change.ts";
import { ChangeSubject } from "../../../contracts/changes/change-subject.ts";
import { Subject } from "../../../contracts/engine/subject.ts";
import { FeedReader } from "../support/feed-reader.ts";
import { InterruptedScripts } from "../support/interrupted-scripts.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, keysUnder, useRealRedis } from "../support/real-redis.ts";
import { TestNode } from "../support/test-node.ts";

const LIMIT = 100;
/** More writes than any of these scripts makes. */
const MOST_WRITES = 40;

const CHANGES: Readonly<Record<string, Change>> = {
  edit: { kind: "edit", text: "new" },
  erase: { kind: "erase" },
  "react on": { kind: "react", reaction: "y", on: true },
  "react off": { kind: "react", reaction: "x", on: false },
};

for (const kind of KINDS_OF_COMMON_CODE) {
  describe(kind, () => {
    const redis = useRealRedis(kind);

    async function open() {
      const client = await redis.connect(freshPrefix());
      const node = await TestNode.open(client);
      const subject = await Subject.open(async () => ({
        engine: node.engine,
        reopen: async () => node.engine,
        clean: () => node.engine.clean(),
        close: () => node[Symbol.asyncDispose](),
      }));
      return { node, subject, changes: new ChangeSubject(subject), broken: new InterruptedScripts(client) };
    }

    test.each(Object.keys(CHANGES))(
      "CH1 CH4 Q2 EV1 wherever a script of %s ends, the change is made and charged once, as a whole, and is one event",
      async (name) => {
        const change = CHANGES[name]!;
        for (const script of ["changes/read", "changes/charge", "changes/commit"]) {
          let ended = true;
          for (let write = 1; ended; write++) {
            expect(write).toBeLessThan(MOST_WRITES);
            const { node, subject, changes, broken } = await open();
            await using _ = subject;
            const where = `${script} at write ${write}`;
            await subject.store("a", { limit: LIMIT, text: "old" });
            await changes.react(1, "x", { limit: 0 });
            await changes.react(1, "x", { limit: 0, user: "ben" });
            broken.next = { script, write };
            const request = { limit: LIMIT, id: "change" };
            const first = await changes.change(1, change, request);
            ended = broken.happened;
            expect([where, first.outcome]).toEqual([where, ended ? "unavailable" : "changed"]);
            // The head has what was stored.
            const { rev } = await subject.engine.head("room");
            const [half] = await changes.messages();
            expect([where, half!.rev]).toEqual([where, rev]);
            // No text is removed of a change that was not made.
            await node.engine.clean();
            expect([where, await changes.messages()]).toEqual([where, [half!]]);
            const again = await changes.change(1, change, request);
            const [message] = await changes.messages();
            expect([where, again]).toEqual([where, expect.objectContaining({ seq: 1, rev: 3 })]);
            expect([where, await subject.engine.head("room")]).toEqual([
              where,
              expect.objectContaining({ seq: 1, rev: 3 }),
            ]);
            // Before the repeat it was as before or as after.
            const isDone = half!.text !== "old" || half!.rev === 3;
            expect([where, isDone ? message : half!.rev]).toEqual([where, isDone ? half! : 2]);
            const reactions = Object.entries(message!.reactions ?? {});
            const own = (await subject.engine.changes.mine("room", "anna", [1])).get(1) ?? [];
            const counted = reactions.filter(([, { users }]) => users.includes("anna")).map(([each]) => each);
            expect([where, [...own].sort()]).toEqual([where, counted.sort()]);
            expect([where, await changes.change(1, change, { limit: LIMIT })]).toEqual([
              where,
              expect.objectContaining({ outcome: "duplicate" }),
            ]);
            // A message and a change: the repeat finds the charge of the change, wherever the script ended.
            const left = (await node.engine.quota("anna", LIMIT))!.remaining;
            expect([where, left]).toEqual([where, LIMIT - 2]);
            await changes.react(1, "z", { limit: 0, user: "carl" });
            expect(await subject.engine.head("room")).toMatchObject({ rev: name === "erase" ? 3 : 4 });
            const { events } = await new FeedReader(node.client).readAll();
            const made = [...events.values()].flatMap(({ rev: each }) => each ?? []);
            expect([where, made]).toEqual([where, name === "erase" ? [1, 2, 3] : [1, 2, 3, 4]]);
          }
        }
      },
    );

    test("CH3 wherever the script that removes texts ends, no message is lost, and the next one removes them", async () => {
      let ended = true;
      for (let write = 1; ended; write++) {
        expect(write).toBeLessThan(MOST_WRITES);
        const { node, subject, changes, broken } = await open();
        await using _ = subject;
        const where = `write ${write}`;
        await subject.fill(4);
        await changes.edit(1, "new");
        await changes.react(2, "x", { user: "ben" });
        await changes.erase(2);
        const before = await changes.messages();
        broken.next = { script: "changes/blank", write };
        const done = await node.engine.clean().then(
          () => true,
          () => false,
        );
        ended = broken.happened;
        expect([where, done]).toEqual([where, !ended]);
        expect([where, await changes.messages()]).toEqual([where, before]);
        await subject.store("later");
        await node.engine.clean();
        expect([where, await changes.messages()]).toEqual([
          where,
          [...before, expect.objectContaining({ seq: 5 })],
        ]);
        const { commands, keys } = node.client;
        const log = await commands.xrange(keys.conversationKey("room", "log"), "-", "+");
        expect([where, log.map(([, fields]) => fields[5]!.split("\t")[3])]).toEqual([
          where,
          ['"text":""', '"text":""', '"text":"3"', '"text":"4"', '"text":"later"'],
        ]);
        expect((await keysUnder(node.client)).filter((key) => /blank|copy|:by:/.test(key))).toEqual([]);
      }
    });
  });
}
