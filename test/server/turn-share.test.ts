import { expect, test } from "bun:test";
import { ConcurrencyLimiter, type Permit } from "../../src/server/concurrency-limiter.ts";
import { TurnShare } from "../../src/server/turn-share.ts";

/** Work that takes 0.15 ms each, of which a turn has 0.2 ms to give while users talk, and 5 ms while nobody does. */
const WORK_MS = 0.15;
const SHARE_MS = 0.2;

function setUp() {
  const state = { now: 0, delivered: 1, turn: 0 };
  const turnShare = new TurnShare({ now: () => state.now, delivered: () => state.delivered });
  const limiter = new ConcurrencyLimiter({ permits: 8, turnShare });
  const begunIn: number[] = [];
  const work = async () => {
    const acquired = limiter.acquire();
    const permit: Permit = acquired instanceof Promise ? await acquired : acquired;
    begunIn.push(state.turn);
    state.now += WORK_MS;
    permit.release();
  };
  return { state, begunIn, work };
}

test("MX6 a turn of the event loop begins waiting work until its share is used up, and each turn begins one", async () => {
  const { state, begunIn, work } = setUp();
  const all = Promise.all(Array.from({ length: 20 }, work));
  // Without a wait only what the share of this turn holds has begun, though there are eight permits.
  expect(begunIn).toEqual([0, 0]);
  while (begunIn.length < 20) {
    await new Promise(setImmediate);
    state.turn++;
  }
  await all;
  const counts = new Map<number, number>();
  for (const each of begunIn) counts.set(each, (counts.get(each) ?? 0) + 1);
  // The first turn has two parts, before and after its callbacks of setImmediate, and each has a share.
  expect([...counts.values()]).toEqual([4, 2, 2, 2, 2, 2, 2, 2, 2]);
  expect(begunIn).toEqual([...begunIn].sort((one, other) => one - other));
  // Work that takes longer than the share still goes on, one in each turn.
  state.now += SHARE_MS;
  expect(await Promise.race([work().then(() => "done"), Bun.sleep(60_000)])).toBe("done");
});

test("MX6 while nobody talks a turn begins more work, until a message is delivered", async () => {
  const { state, begunIn, work } = setUp();
  const workInOneTurn = async () => {
    begunIn.length = 0;
    const all = Promise.all(Array.from({ length: 8 }, work));
    const begun = begunIn.length;
    await all;
    // The permits are free again.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    return begun;
  };
  expect(await workInOneTurn()).toBe(2);
  state.now += 1_000;
  expect(await workInOneTurn()).toBe(8);
  state.delivered++;
  expect(await workInOneTurn()).toBe(2);
});
