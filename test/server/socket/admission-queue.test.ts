import { expect, test } from "bun:test";
import type { Permit } from "../../../src/server/concurrency-limiter.ts";
import { AdmissionQueue } from "../../../src/server/socket/admission-queue.ts";
import { TurnShare } from "../../../src/server/turn-share.ts";
import { TIMEOUT_MS } from "../../support/time/wait-until.ts";

/** The share of a turn is never used up. */
const ENDLESS_TURN = new TurnShare({ delivered: () => 0, now: () => 0 });
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("B1 of many that come at once four are let in, and the others in the order in which they came", async () => {
  const queue = new AdmissionQueue(ENDLESS_TURN, TIMEOUT_MS);
  const admitted: { number: number; permit: Permit }[] = [];
  const admit = async (number: number) => void admitted.push({ number, permit: await queue.acquire() });
  const all = Array.from({ length: 10 }, (_, number) => admit(number));
  await turn();
  expect(admitted.map(({ number }) => number)).toEqual([0, 1, 2, 3]);

  admitted[2]!.permit.release();
  await turn();
  await turn();
  expect(admitted.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);

  while (admitted.length < 10) {
    for (const { permit } of admitted) permit.release();
    await turn();
  }
  for (const { permit } of admitted) permit.release();
  await Promise.all(all);
  expect(admitted.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("B1 a permit is returned at once while there are any, and is handed on in another turn, once", async () => {
  const queue = new AdmissionQueue(ENDLESS_TURN, TIMEOUT_MS);
  const permits = Array.from({ length: 4 }, () => queue.acquire());
  expect(permits.every((permit) => !(permit instanceof Promise))).toBe(true);
  const next = [queue.acquire(), queue.acquire()];
  expect(next.every((permit) => permit instanceof Promise)).toBe(true);

  const [first] = permits as Permit[];
  first!.release();
  first!.release();
  let handedOn = 0;
  for (const permit of next) (permit as Promise<Permit>).then(() => handedOn++);
  await Promise.resolve();
  expect(handedOn).toBe(0);
  await turn();
  await turn();
  expect(handedOn).toBe(1);
});
