import { expect, test } from "bun:test";
import { ConcurrencyLimiter, type Permit } from "../../src/server/concurrency-limiter.ts";
import { TurnShare } from "../../src/server/turn-share.ts";

/** Work that takes 0.3 ms each, of which a turn has 0.4 ms to give. */
const WORK_MS = 0.3;
const SHARE_MS = 0.4;

test("MX6 a turn of the event loop begins waiting work until its share is used up, and each turn begins one", async () => {
  let now = 0;
  const turnShare = new TurnShare(SHARE_MS, () => now);
  const limiter = new ConcurrencyLimiter({ permits: 8, turnShare });
  let turn = 0;
  const begunIn: number[] = [];
  const work = async () => {
    const acquired = limiter.acquire();
    const permit: Permit = acquired instanceof Promise ? await acquired : acquired;
    begunIn.push(turn);
    now += WORK_MS;
    permit.release();
  };
  const all = Promise.all(Array.from({ length: 20 }, work));
  // Without a wait only what the share of this turn holds has begun, though there are eight permits.
  expect(begunIn).toEqual([0, 0]);
  while (begunIn.length < 20) {
    await new Promise(setImmediate);
    turn++;
  }
  await all;
  const counts = new Map<number, number>();
  for (const each of begunIn) counts.set(each, (counts.get(each) ?? 0) + 1);
  // The first turn has two parts, before and after its callbacks of setImmediate, and each has a share.
  expect([...counts.values()]).toEqual([4, 2, 2, 2, 2, 2, 2, 2, 2]);
  expect(begunIn).toEqual([...begunIn].sort((one, other) => one - other));
  // Work that takes longer than the share still goes on, one in each turn.
  now += SHARE_MS;
  expect(await Promise.race([work().then(() => "done"), Bun.sleep(60_000)])).toBe("done");
});
