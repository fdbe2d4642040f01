import { expect, test } from "bun:test";
import { ConcurrencyLimiter } from "../../src/server/concurrency-limiter.ts";

test("with a bound on the queue, work that would have to wait too long is refused and not begun", async () => {
  const limiter = new ConcurrencyLimiter({ permits: 1, maxWaiting: 1 });
  const begun: number[] = [];
  const first = Promise.withResolvers<void>();
  const run = (number: number, until: Promise<void> | undefined) =>
    limiter.run(async () => {
      begun.push(number);
      await until;
      return number;
    });
  const results = [run(1, first.promise), run(2, undefined), run(3, undefined)];
  expect(await results[2]!).toEqual({ outcome: "busy" });
  expect(begun).toEqual([1]);
  first.resolve();
  expect(await Promise.all(results)).toEqual([
    { outcome: "done", value: 1 },
    { outcome: "done", value: 2 },
    { outcome: "busy" },
  ]);
});

test("work that fails gives its permit back, and its error to the caller", async () => {
  const limiter = new ConcurrencyLimiter({ permits: 1, maxWaiting: 1 });
  const failed = limiter.run(() => Promise.reject(new Error("no")));
  const next = limiter.run(async () => "next");
  expect(failed).rejects.toThrow("no");
  expect(await next).toEqual({ outcome: "done", value: "next" });
});
