import { expect, test } from "bun:test";
import { POSITION_SLACK_MS } from "../../../src/core/inbox/position.ts";
import { unreadOf } from "../../../src/core/inbox/unread.ts";
import { decodeEntry } from "../../support/entries.ts";
import { Random, seeds } from "../../support/random.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenEngine, Subject } from "./subject.ts";

const DAY = 86_400_000;
/** A change is reported within this many milliseconds of a node's clock. */
const SECOND = 1_000;

/** The port of the inbox: heads, marks and what changes. */
export function inboxContract(open: OpenEngine): void {
  const readOne = async (
    subject: Subject,
    users: readonly string[],
    conversation = "room",
    newest = false,
  ) => {
    const { views } = await subject.engine.inbox.read([{ conversation, users }], newest);
    return views[0]!;
  };
  const reads = async (subject: Subject, users: readonly string[], conversation = "room") =>
    (await readOne(subject, users, conversation)).readers.map(({ read }) => read);

  test("IN1 a conversation is read with its newest message and the marks of users, after reopening too", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { user: "ben" });
    await subject.store("2", { user: "cleo" });
    const { at } = await subject.store("3", { user: "cleo", text: "hello" });
    subject.clock.advance(5_000);
    await subject.engine.setReadMark("room", "anna", 1);
    const markedAt = subject.clock.now();
    const { epoch } = await subject.engine.head("room");
    for (const round of ["fresh", "reopened"]) {
      const view = await readOne(subject, ["anna", "ben", "cleo", "dora"], "room", true);
      expect([round, { ...view, newest: decodeEntry(view.newest!) }]).toEqual([
        round,
        {
          seq: 3,
          first: 1,
          epoch,
          at,
          changedAt: at,
          newest: { seq: 3, id: "3", from: "cleo", text: "hello", at },
          readers: [
            { read: 1, markedAt },
            { read: 1, markedAt: 0 },
            { read: 3, markedAt: 0 },
            { read: 0, markedAt: 0 },
          ],
        },
      ]);
      if (round === "fresh") await subject.reopen();
    }
  });

  test("IN1 a message of a batch counts as read for its own sender, whether the sender is metered or not", async () => {
    await using subject = await Subject.open(open);
    const users = ["anna", "ben", "cleo", "dora"];
    for (const seed of seeds(3, 4)) {
      const random = new Random(seed);
      const conversation = `room${seed}`;
      const newest = new Map(users.map((user) => [user, 0]));
      for (let batch = 0; batch < 4; batch++) {
        // Messages that are posted together are stored in one batch, in their order.
        const stored = await Promise.all(
          Array.from({ length: 12 }, async (_, i) => {
            const user = random.pick(users);
            const limit = random.pick([0, 1_000]);
            const { seq } = await subject.store(`${batch}.${i}`, { conversation, user, limit });
            return { user, seq };
          }),
        );
        for (const { user, seq } of stored) newest.set(user, Math.max(newest.get(user)!, seq));
        expect([seed, batch, await reads(subject, users, conversation)]).toEqual([
          seed,
          batch,
          users.map((user) => newest.get(user)!),
        ]);
      }
    }
  });

  test("IN1 a conversation that does not exist has no message", async () => {
    await using subject = await Subject.open(open);
    const { epoch } = await subject.engine.head("silent");
    expect(await readOne(subject, ["anna"], "silent", true)).toEqual({
      seq: 0,
      first: 1,
      epoch,
      at: 0,
      changedAt: 0,
      newest: undefined,
      readers: [{ read: 0, markedAt: 0 }],
    });
    expect((await subject.engine.inbox.read([], true)).views).toEqual([]);
  });

  test("IN1 many conversations are read in the order of the queries, each with its users", async () => {
    await using subject = await Subject.open(open);
    const count = 450;
    const names = Array.from({ length: count }, (_, i) => `room${i}`);
    await Promise.all(
      names.flatMap((conversation, i) =>
        Array.from({ length: 1 + (i % 3) }, (_, k) =>
          subject.store(String(k), { conversation, user: "ben", limit: 0 }),
        ),
      ),
    );
    await Promise.all(
      names.map((conversation, i) => i % 2 === 1 && subject.engine.setReadMark(conversation, "anna", 1)),
    );
    const queries = names.map((conversation, i) => ({
      conversation: i % 10 === 0 ? `none${i}` : conversation,
      users: i % 5 === 0 ? [] : ["anna", "ben"],
    }));
    for (const newest of [false, true]) {
      const { views } = await subject.engine.inbox.read(queries, newest);
      expect(
        views.map(({ seq, newest, readers }) => [seq, newest?.seq ?? 0, ...readers.map(({ read }) => read)]),
      ).toEqual(
        queries.map(({ users }, i) => {
          const seq = i % 10 === 0 ? 0 : 1 + (i % 3);
          return [seq, newest ? seq : 0, ...users.map((user) => (user === "ben" ? seq : i % 2))];
        }),
      );
    }
  });

  test("IN1 one's own messages count as read up to the newest of them, also when others answered long ago", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1");
    await subject.store("2", { user: "ben" });
    expect(await reads(subject, ["anna", "ben"])).toEqual([1, 2]);
    await Promise.all([
      subject.store("3", { user: "ben" }),
      subject.store("4"),
      subject.store("5", { user: "cleo" }),
      subject.store("6", { user: "ben" }),
    ]);
    expect(await reads(subject, ["anna", "ben", "cleo"])).toEqual([4, 6, 5]);
    // The marks that others see are those that the users have set.
    expect((await subject.engine.readMarks("room", ["anna", "ben", "cleo"])).size).toBe(0);
    await subject.engine.setReadMark("room", "anna", 2);
    expect(await reads(subject, ["anna"])).toEqual([4]);
    await subject.engine.setReadMark("room", "anna", 6);
    expect(await reads(subject, ["anna"])).toEqual([6]);
    // What was in memory is written meanwhile.
    subject.clock.advance(120_000);
    await subject.store("7", { user: "dora" });
    expect(await reads(subject, ["anna", "ben", "cleo", "dora"])).toEqual([6, 6, 5, 7]);
    await subject.reopen();
    expect(await reads(subject, ["anna", "ben", "cleo", "dora"])).toEqual([6, 6, 5, 7]);
  });

  test("IN1 what retention removes is not unread, and the time of the newest message stays", async () => {
    await using subject = await Subject.open(open, { messages: 0, days: 2 });
    await subject.fill(3, { user: "ben" });
    subject.clock.jump(DAY);
    const { at } = await subject.store("4", { user: "ben" });
    subject.clock.jump(DAY + 1);
    await subject.clean();
    const kept = await readOne(subject, ["anna"], "room", true);
    expect(kept).toMatchObject({ seq: 4, first: 4, at, newest: { seq: 4 } });
    expect(kept.changedAt).toBeGreaterThan(at);
    subject.clock.jump(2 * DAY);
    await subject.clean();
    await subject.reopen();
    const empty = await readOne(subject, ["anna"], "room", true);
    expect(empty).toMatchObject({ seq: 4, first: 5, at, newest: undefined });
    expect(unreadOf(empty, 0)).toBe(0);
  });

  test("IN2 each change is reported: messages for all users, marks for their user", async () => {
    await using subject = await Subject.open(open);
    await subject.store("0", { conversation: "other" });
    const seen: string[] = [];
    const stop = await subject.engine.inbox.watch(
      (conversation, user) => seen.push(user === undefined ? conversation : `${conversation} ${user}`),
      () => seen.push("gap"),
    );
    // Time passes for the timers of the engine until it has reported the change.
    const reported = (what: string) =>
      waitUntil(`${what} is reported`, () => {
        subject.clock.advance(100);
        return seen.includes(what);
      });
    await subject.store("1");
    await reported("room");
    seen.length = 0;
    await subject.engine.setReadMark("room", "ben", 1);
    await reported("room ben");
    expect(new Set(seen).has("other")).toBe(false);
    for (let i = 2; i < 12; i++) {
      seen.length = 0;
      await subject.store(String(i), { user: i % 2 === 0 ? "ben" : "anna" });
      await reported("room");
    }
    expect(seen).not.toContain("gap");
    stop();
    subject.clock.advance(10 * SECOND);
    seen.length = 0;
    await subject.store("more");
    subject.clock.advance(10 * SECOND);
    await subject.engine.inbox.read([], false);
    expect(seen).toEqual([]);
  });

  test("IN2 of many changes that follow each other quickly the last one is reported, too", async () => {
    await using subject = await Subject.open(open);
    // What a listener reads when it is called is the newest state it gets.
    let known = 0;
    let reading = Promise.resolve();
    const stop = await subject.engine.inbox.watch(
      (conversation) => {
        reading = reading.then(async () => {
          known = (await readOne(subject, [], conversation)).seq;
        });
      },
      () => {},
    );
    const random = new Random(7);
    for (let i = 1; i <= 60; i++) {
      await subject.store(String(i), { user: random.pick(["anna", "ben"]) });
      subject.clock.advance(random.between(0, 120));
    }
    await waitUntil("the newest state is read", async () => {
      subject.clock.advance(100);
      await reading;
      return known === 60;
    });
    stop();
  });

  test("IN3 the time of a reading is not later than that of any change after it", async () => {
    await using subject = await Subject.open(open);
    await subject.store("1", { user: "ben" });
    const { now, store } = await subject.engine.inbox.read(
      [{ conversation: "room", users: ["anna"] }],
      false,
    );
    expect(store).toMatch(/^[\w-]+$/);
    subject.clock.advance(3);
    await subject.store("2", { user: "ben" });
    await subject.engine.setReadMark("room", "anna", 1);
    const view = await readOne(subject, ["anna"]);
    expect(view.changedAt).toBeGreaterThan(now - POSITION_SLACK_MS);
    expect(view.readers[0]!.markedAt).toBeGreaterThan(now - POSITION_SLACK_MS);
    await subject.reopen();
    expect((await subject.engine.inbox.read([], false)).store).toBe(store);
  });

  for (const seed of seeds(1, 2)) {
    test(`IN1 unread is exact after any mixture of messages, marks, retention and reopening (seed ${seed})`, async () => {
      const keep = 20;
      await using subject = await Subject.open(open, { messages: keep, days: 0 });
      const random = new Random(seed);
      const users = ["anna", "ben", "cleo"];
      const rooms = ["a", "b", "c"];
      const model = new Map(rooms.map((room) => [room, { seq: 0, read: new Map<string, number>() }]));
      const check = async () => {
        const queries = rooms.map((conversation) => ({ conversation, users }));
        const { views } = await subject.engine.inbox.read(queries, random.next() < 0.5);
        for (const [i, room] of rooms.entries()) {
          const { seq, read } = model.get(room)!;
          const view = views[i]!;
          const { first } = await subject.engine.head(room);
          expect([room, view.seq, view.first]).toEqual([room, seq, first]);
          for (const [k, user] of users.entries()) {
            const expected = Math.max(0, seq - Math.max(read.get(user) ?? 0, first - 1));
            expect([room, user, unreadOf(view, view.readers[k]!.read)]).toEqual([room, user, expected]);
          }
        }
      };
      for (let step = 0; step < 120; step++) {
        subject.clock.advance(random.pick([0, 1, 700, 15_000]));
        const chance = random.next();
        if (chance < 0.6) {
          const posts = Array.from({ length: random.between(1, 8) }, (_, i) => {
            const conversation = random.pick(rooms);
            const user = random.pick(users);
            const state = model.get(conversation)!;
            state.seq++;
            state.read.set(user, state.seq);
            return subject.store(`${step}.${i}`, { conversation, user, limit: 0 });
          });
          await Promise.all(posts);
        } else if (chance < 0.9) {
          const conversation = random.pick(rooms);
          const user = random.pick(users);
          const state = model.get(conversation)!;
          const seq = random.between(1, state.seq + 1);
          await subject.engine.setReadMark(conversation, user, seq);
          if (seq <= state.seq) state.read.set(user, Math.max(seq, state.read.get(user) ?? 0));
        } else if (chance < 0.95) await subject.clean();
        else await subject.reopen();
        if (step % 10 === 0) await check();
      }
      await check();
    });
  }
}
