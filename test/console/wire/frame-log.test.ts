import { expect, test } from "bun:test";
import { maskTokens, prettyJson, typeOf } from "../../../src/console/wire/frame.ts";
import { createFrameLog, MAX_FRAMES } from "../../../src/console/wire/frame-log.ts";

test("B1 the log keeps the newest frames, and a frame keeps its number", () => {
  const log = createFrameLog(100, 1_000_000);
  for (let index = 1; index <= 1000; index++) add(log, String(index));
  expect(log.last).toBe(1000);
  expect(log.last - log.first + 1).toBeWithin(98, 101);
  for (let number = log.first; number <= log.last; number++)
    expect(log.get(number)?.text).toBe(String(number));
  expect(log.get(log.first - 1)).toBeUndefined();
  expect(log.droppedCount).toBe(log.first - 1);
});

test("B1 the log is bounded by the size of its frames, too; the newest is always kept", () => {
  const log = createFrameLog(1000, 10_000);
  for (let index = 0; index < 50; index++) add(log, "x".repeat(1000));
  expect(log.last - log.first + 1).toBeWithin(9, 11);
  add(log, "y".repeat(50_000));
  expect(log.get(log.last)?.text).toHaveLength(50_000);
  expect(log.first).toBe(log.last);
  add(log, "z");
  expect(log.get(log.last)?.text).toBe("z");
});

test("a full log takes a frame as fast as an empty one", () => {
  const timeOf = (log: ReturnType<typeof createFrameLog>) => {
    const began = performance.now();
    for (let index = 0; index < 20_000; index++) add(log, "{}");
    return performance.now() - began;
  };
  const full = createFrameLog();
  for (let index = 0; index < MAX_FRAMES; index++) add(full, "{}");
  const { first } = full;
  // The fastest of some tries, because other processes may take the processor meanwhile.
  const [whenFull, whenEmpty] = [
    Math.min(...Array.from({ length: 5 }, () => timeOf(full))),
    Math.min(...Array.from({ length: 5 }, () => timeOf(createFrameLog()))),
  ];
  // Taking one from the front each time would cost 20,000 times the length of the list.
  expect(whenFull).toBeLessThan(50 * Math.max(whenEmpty, 1));
  expect(full.first).toBeGreaterThan(first);
});

test("numbers continue after the log was cleared", () => {
  const log = createFrameLog();
  add(log, "a");
  log.clear();
  expect([log.first, log.last, log.droppedCount]).toEqual([2, 1, 0]);
  expect(add(log, "b").number).toBe(2);
});

test("A4 no token is kept of sent texts: neither in a frame, nor in typed text", () => {
  const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.c2lnbmF0dXJl";
  const texts = [
    JSON.stringify({ type: "token", token }),
    JSON.stringify({ token, type: "token", more: 1 }),
    `{"type":"token","token":"${token}"`,
    `[{"type":"token","token":"${token}"}]`,
    token,
  ];
  for (const text of texts) expect(maskTokens(text)).not.toContain(token);
  const [began, long] = [performance.now(), "x".repeat(200_000)];
  expect(maskTokens(long)).toBe(long);
  expect(performance.now() - began).toBeLessThan(10_000);
  const message = JSON.stringify({ type: "message", text: "a.b.c and 1.2.3" });
  expect(maskTokens(message)).toBe(message);
});

test("a text that is no JSON is marked and shown unchanged", () => {
  expect(['{"type":"ack"}', '{"a":1}', "{oops", "hello", "[]"].map(typeOf)).toEqual([
    "ack",
    "no type",
    "no type",
    "not JSON",
    "not JSON",
  ]);
  expect(prettyJson("{oops")).toBe("{oops");
});

test("B3 a text that nests thousands deep is shown unchanged: with line breaks it would be gigabytes", () => {
  const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
  expect(prettyJson(deep)).toBe(deep);
});

function add(log: ReturnType<typeof createFrameLog>, text: string) {
  return log.add(
    { client: "c1", at: 0, direction: "in", type: "x", bytes: text.length, text },
    { marks: [] },
  );
}
