import { expect, test } from "bun:test";
import { ListNumbers } from "../../../src/core/inbox/list-numbers.ts";
import { Random, seeds } from "../../support/random.ts";

for (const seed of seeds(1, 2, 3)) {
  test(`IN1 the totals of a list are those of its conversations after any changes (seed ${seed})`, () => {
    const random = new Random(seed);
    const numbers = new ListNumbers();
    const model = new Map<number, number>();
    for (let step = 0; step < 3_000; step++) {
      // Numbers begin with 0, which is also the content of the free part of the list.
      const conversation = random.between(0, 199);
      if (random.next() < (step < 1_500 ? 0.2 : 0.6))
        expect(numbers.delete(conversation)).toBe(model.delete(conversation));
      else if (random.next() < 0.02) {
        for (const each of model.keys()) model.set(each, random.between(0, 3));
        numbers.setAll(model);
      } else {
        const unread = random.pick([0, 0, 1, random.between(1, 100_000)]);
        numbers.set(conversation, unread);
        model.set(conversation, unread);
      }
      const all = [...model.values()];
      expect(numbers.totals).toEqual({
        unread: all.reduce((sum, each) => sum + each, 0),
        unreadConversations: all.filter((each) => each > 0).length,
      });
      expect(numbers.size).toBe(model.size);
      expect(numbers.has(conversation)).toBe(model.has(conversation));
    }
    expect(numbers.conversations().toSorted()).toEqual([...model.keys()].toSorted());
  });
}

test("IN2 the same item is not sent twice, but again after another one", () => {
  const numbers = new ListNumbers();
  numbers.set(7, 1);
  expect(numbers.note(7, 123)).toBe(true);
  expect(numbers.note(7, 123)).toBe(false);
  expect(numbers.note(7, 124)).toBe(true);
  expect(numbers.note(7, 123)).toBe(true);
  numbers.delete(7);
  numbers.set(7, 1);
  expect(numbers.note(7, 123)).toBe(true);
});
