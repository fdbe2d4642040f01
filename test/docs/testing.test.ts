import { expect, test } from "bun:test";
import {
  MAX_CLOCK_JUMP_S,
  MAX_DELAY_MS,
  MAX_DROPPED_FRAMES,
  MAX_FREEZE_S,
  readFaultRequest,
} from "../../src/core/faults.ts";
import { blocksOf, readPage, sectionOf } from "./pages.ts";

const page = readPage("docs/TESTING.md");

/** The faults that the page shows, one per line. */
const examples = blocksOf(page)
  .filter(({ words }) => words[1] === "fault")
  .flatMap(({ text }) => text.trim().split("\n"));

test.each(examples)("%s is a fault that the server accepts", (example) => {
  const fault = JSON.parse(example);
  const read = readFaultRequest(JSON.stringify({ connection: "1x9kq3f", fault }));
  expect(read).toMatchObject({ request: { fault } });
});

test("every fault has a row and an example, and no others", () => {
  const rows = [...sectionOf(page, "## Faults").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!);
  const refusal = readFaultRequest('{"connection":"c","fault":{"do":"?"}}');
  const message = "refusal" in refusal ? refusal.refusal.message : "";
  const known = /must be one of (.*)\.$/.exec(message)![1]!.split(", ");
  // `do` heads the table.
  expect(rows.filter((name) => name !== "do").sort()).toEqual([...known].sort());
  expect([...new Set(examples.map((example) => JSON.parse(example).do))].sort()).toEqual([...known].sort());
});

test("the limits on the page are those of the code", () => {
  for (const bound of [MAX_FREEZE_S, MAX_DELAY_MS, MAX_DROPPED_FRAMES, MAX_CLOCK_JUMP_S])
    expect(page).toContain(bound.toLocaleString("en"));
});
