import { expect, test } from "bun:test";
import { Entrance } from "../../../src/server/socket/entrance.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("B1 of many who come at once four are worked on, and the others in the order in which they came", async () => {
  const entrance = new Entrance();
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const all = Array.from({ length: 10 }, (_, number) =>
    entrance.through(() => {
      begun.push(number);
      return new Promise((resolve) => finish.push(resolve));
    }),
  );
  await turn();
  expect(begun).toEqual([0, 1, 2, 3]);

  finish[2]!();
  await turn();
  await turn();
  expect(begun).toEqual([0, 1, 2, 3, 4]);

  while (begun.length < 10) {
    for (const end of finish) end();
    await turn();
  }
  for (const end of finish) end();
  await Promise.all(all);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("B1 whoever fails in the entrance gives the place to the next", async () => {
  const entrance = new Entrance();
  const failures = Array.from({ length: 8 }, () => entrance.through(() => Promise.reject(new Error("gone"))));
  const outcomes = await Promise.allSettled(failures);
  expect(outcomes.map(({ status }) => status)).toEqual(Array(8).fill("rejected"));
  await entrance.through(async () => {});
});
