import { expect, test } from "bun:test";
import { AdmissionQueue, type Permit } from "../../../src/server/socket/admission-queue.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("B1 of many who come at once four are let in, and the others in the order in which they came", async () => {
  const entrance = new AdmissionQueue();
  const inside: { number: number; place: Permit }[] = [];
  const enter = async (number: number) => void inside.push({ number, place: await entrance.acquire() });
  const all = Array.from({ length: 10 }, (_, number) => enter(number));
  await turn();
  expect(inside.map(({ number }) => number)).toEqual([0, 1, 2, 3]);

  inside[2]!.place.release();
  await turn();
  await turn();
  expect(inside.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);

  while (inside.length < 10) {
    for (const { place } of inside) place.release();
    await turn();
  }
  for (const { place } of inside) place.release();
  await Promise.all(all);
  expect(inside.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("B1 a place is there at once while there are any, and is given on in another turn, once", async () => {
  const entrance = new AdmissionQueue();
  const places = Array.from({ length: 4 }, () => entrance.acquire());
  expect(places.every((place) => !(place instanceof Promise))).toBe(true);
  const next = [entrance.acquire(), entrance.acquire()];
  expect(next.every((place) => place instanceof Promise)).toBe(true);

  const [first] = places as Permit[];
  first!.release();
  first!.release();
  let here = 0;
  for (const place of next) (place as Promise<Permit>).then(() => here++);
  await Promise.resolve();
  expect(here).toBe(0);
  await turn();
  await turn();
  expect(here).toBe(1);
});
