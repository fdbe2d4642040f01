// Streams and quotes on the page: who may stop a writer, the words for an end, and the tokens that the Send panel writes.
import { expect, test } from "bun:test";
import type { Entry } from "../../../src/client/index.ts";
import { messageListItems } from "../../../src/console/client/message-list-items.ts";
import { tokensOf } from "../../../src/console/panel/send/stream-writer.ts";
import { quoteFinder, wordsOf } from "../../../src/console/view/conversation/quote.tsx";
import { endingOf, mayStop } from "../../../src/console/view/conversation/stream-state.tsx";

const entryOf = (fields: Partial<Entry>): Entry => ({
  ...{ key: "m", id: "m", from: "agent", text: "text", at: 1, state: "stored", own: false, myReactions: [] },
  ...fields,
});
const growing = entryOf({ key: "g", state: "streaming", streamId: "s", reply_to: 3 });

test("ST4 the writer, the user whose message it answers, and moderators may stop it", () => {
  const [mine, other] = [entryOf({ from: "ann", seq: 3 }), entryOf({ from: "bob", seq: 3 })];
  expect(mayStop(growing, "ann", undefined, mine)).toBe(true);
  expect(mayStop(growing, "ann", "member", other)).toBe(false);
  expect(mayStop(growing, "ann", "member", undefined)).toBe(false);
  expect(mayStop(growing, "agent", undefined, other)).toBe(true);
  for (const role of ["owner", "moderator"] as const) expect(mayStop(growing, "ann", role, null)).toBe(true);
  expect(mayStop(entryOf({}), "agent", "owner", mine)).toBe(false);
});

test("an end is said in words; a text that is complete says nothing", () => {
  const words = (state: NonNullable<Entry["stream"]>["state"], by?: string) =>
    endingOf({ stream: { stream: "s", state } }, by);
  expect([words("done"), endingOf({}, "ann")]).toEqual(["", ""]);
  expect([words("cancelled", "ann"), words("cancelled")]).toEqual(["stopped by ann", "stopped"]);
  expect([words("interrupted"), words("failed")]).toEqual(["interrupted", "failed"]);
});

test("a quoted message is found in the list, else among those that were read for quotes", () => {
  const three = entryOf({ seq: 3 });
  const far = { seq: 1, id: "f", from: "bob", text: "far", at: 1 };
  const find = quoteFinder(
    [three, growing],
    new Map([
      [1, far],
      [2, null],
    ]),
  );
  expect([find(3), find(1), find(2), find(4)]).toEqual([three, far, null, undefined]);
  expect(wordsOf({ text: "", erased: { by: "bob", at: 1 } })).toBe("Message erased");
});

test("a message that is being written is the last one, below what was lost", () => {
  const items = messageListItems({ entries: [entryOf({ seq: 1 }), growing], lost: [{ first: 2, last: 4 }] });
  expect(items.map(({ key }) => key)).toEqual(["m", "lost 2 4", "g"]);
});

test("tokens are short, and together they are the text", () => {
  for (const text of ["A delta is what has changed.\n\n  - one\n", " ", "", "日本語".repeat(9), "👍🏽 yes"]) {
    const tokens = tokensOf(text);
    expect(tokens.join("")).toBe(text);
    for (const token of tokens) expect([...token.trim()].length).toBeLessThanOrEqual(8);
  }
});
