import { expect, test } from "bun:test";
import { Multimap } from "../../../src/core/collections/multimap.ts";
import { Random, seeds } from "../../support/random.ts";

test.each(seeds(1, 2, 3))("it holds the added and not removed values, in that order (seed %d)", (seed) => {
  const random = new Random(seed);
  const map = new Multimap<{ readonly n: number }>();
  const model: [name: string, value: { n: number }][] = [];
  for (let n = 0; n < 2_000; n++) {
    const name = random.pick(["a", "b", "c"]);
    if (random.next() < 0.5 || model.length === 0) {
      const value = { n };
      map.add(name, value);
      model.push([name, value]);
    } else {
      // Also under names that it does not have.
      const [, value] = random.pick(model);
      map.remove(name, value);
      const at = model.findIndex(([other, same]) => other === name && same === value);
      if (at >= 0) model.splice(at, 1);
    }
    const here = model.filter(([other]) => other === name).map(([, value]) => value);
    expect(map.of(name)).toEqual(here);
    expect(map.has(name)).toBe(here.length > 0);
  }
  expect(new Set(map.all())).toEqual(new Set(model.map(([, value]) => value)));
});
