import { expect, test } from "bun:test";
import { Reminded, remindersOf, WaitingMessages } from "../../../src/core/feed/unread-rules.ts";
import { Random, seeds } from "../../support/random.ts";

const AFTER_MS = 60_000;
const USERS = ["ann", "ben", "carl"];

/** What a user has seen, and the event that it got last and has not read. */
interface Person {
  read: number;
  isPresent: boolean;
  open: number | undefined;
}

for (const seed of seeds(1, 7, 42, 2026))
  test(`EV1 a member gets one event for what it has not read while it is not there, and the next only after it has read (seed ${seed})`, () => {
    const random = new Random(seed);
    const pick = (below: number) => Math.floor(random.next() * below);
    const waiting = new WaitingMessages();
    const reminded = new Reminded(100);
    const people = new Map<string, Person>(
      USERS.map((user) => [user, { read: 0, isPresent: false, open: undefined }]),
    );
    const sentAt: number[] = [0];
    let now = 0;
    let events = 0;
    for (let step = 0; step < 3_000; step++) {
      now += pick(15_000);
      const user = USERS[pick(USERS.length)]!;
      const person = people.get(user)!;
      const newest = sentAt.length - 1;
      switch (pick(4)) {
        case 0:
          sentAt.push(now);
          waiting.add({ at: now, newest: new Map([["room", newest + 1]]), position: String(newest + 1) });
          // What a user has sent counts as read.
          person.read = newest + 1;
          break;
        case 1:
          person.read = Math.max(person.read, pick(newest + 1));
          break;
        case 2:
          person.isPresent = !person.isPresent;
          break;
      }
      if (person.open !== undefined && person.read >= person.open) person.open = undefined;
      for (
        let page = waiting.takeDue(now, AFTER_MS);
        page !== undefined;
        page = waiting.takeDue(now, AFTER_MS)
      ) {
        const due = page.newest.get("room")!;
        expect(now - sentAt[due]!).toBeGreaterThanOrEqual(AFTER_MS);
        const members = USERS.map((name) => ({ user: name, read: people.get(name)!.read }));
        const present = new Set(USERS.filter((name) => people.get(name)!.isPresent));
        const reminders = remindersOf("room", { due, first: 1 }, members, present, reminded);
        const wanted = USERS.filter((name) => {
          const { read, isPresent, open } = people.get(name)!;
          return !isPresent && read < due && open === undefined;
        });
        expect(reminders.map((one) => one.user)).toEqual(wanted);
        for (const one of reminders) {
          expect(one.seq).toBe(people.get(one.user)!.read + 1);
          people.get(one.user)!.open = one.seq;
          reminded.note("room", one.user, one.seq);
          events++;
        }
      }
    }
    expect(events).toBeGreaterThan(100);
  });

test("EV1 messages that are not kept make no event, and the oldest that is kept is named", () => {
  const none = { isOpen: () => false };
  const members = [{ user: "ann", read: 3 }];
  expect(remindersOf("room", { due: 10, first: 8 }, members, new Set(), none)).toEqual([
    { user: "ann", seq: 8 },
  ]);
  expect(remindersOf("room", { due: 10, first: 11 }, members, new Set(), none)).toEqual([]);
});
