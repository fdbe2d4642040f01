import { expect, test } from "bun:test";
import { PendingItems } from "../../../src/core/inbox/pending-items.ts";
import { Random, seeds } from "../../support/random.ts";

test("IN2 of several changes of a conversation the newest state is sent, in the place of the first", () => {
  const pending = new PendingItems();
  pending.reach(10);
  pending.add("a", "a1");
  pending.reach(20);
  pending.add("b", "b1");
  pending.add("a", "a2");
  pending.reach(40);
  expect(pending.size).toBe(2);
  // `b` waits since 20, when `a` had been read: the client has all changes before that.
  expect(pending.take()).toEqual({ item: "a2", time: 20 });
  expect(pending.take()).toEqual({ item: "b1", time: 40 });
  expect(pending.take()).toBeUndefined();
  expect(pending.isEmpty).toBe(true);
});

test("IN3 after the whole list no older change waits", () => {
  const pending = new PendingItems();
  pending.add("a", "a1");
  pending.restart(50);
  expect(pending.take()).toBeUndefined();
  pending.add("b", "b1");
  pending.reach(60);
  expect(pending.take()).toEqual({ item: "b1", time: 60 });
});

for (const seed of seeds(1, 2, 3)) {
  test(`IN2 at most one change of a conversation waits, none is missed from any position (seed ${seed})`, () => {
    const random = new Random(seed);
    const pending = new PendingItems();
    const states = new Map<string, { version: number; changedAt: number }>();
    // The version of each conversation that the client has, and the place of its position.
    const client = new Map<string, number>();
    let position = 0;
    let now = 0;
    const dirty = new Set<string>();
    for (let step = 0; step < 5_000; step++) {
      now += random.between(0, 5);
      const chance = random.next();
      if (chance < 0.5) {
        const name = `c${random.between(0, 9)}`;
        states.set(name, { version: (states.get(name)?.version ?? 0) + 1, changedAt: now });
        dirty.add(name);
      } else if (chance < 0.8) {
        // A round: all that has changed is read at one time.
        for (const name of dirty) pending.add(name, `${name} ${states.get(name)!.version}`);
        pending.reach(now);
        dirty.clear();
      } else {
        for (let i = random.between(0, 4); i > 0; i--) {
          const sent = pending.take();
          if (sent === undefined) break;
          const [name, version] = sent.item.split(" ") as [string, string];
          expect(Number(version)).toBeGreaterThanOrEqual(client.get(name) ?? 0);
          expect(sent.time).toBeGreaterThanOrEqual(position);
          client.set(name, Number(version));
          position = sent.time;
          // Cut off now, the client would get all that changed since its position.
          for (const [each, { version: newest, changedAt }] of states)
            if (client.get(each) !== newest) expect(changedAt).toBeGreaterThanOrEqual(position);
        }
        expect(pending.size).toBeLessThanOrEqual(states.size);
      }
    }
    for (const name of dirty) pending.add(name, `${name} ${states.get(name)!.version}`);
    for (let sent = pending.take(); sent !== undefined; sent = pending.take()) {
      const [name, version] = sent.item.split(" ") as [string, string];
      client.set(name, Number(version));
    }
    expect(client).toEqual(new Map([...states].map(([name, { version }]) => [name, version])));
  });
}
