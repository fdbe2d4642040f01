import { expect, test } from "bun:test";
import { harmless, harmlessJson, harmlessLines } from "../../src/cli/harmless.ts";

/** Everything that a terminal could obey: ESC, BEL, CSI in one byte, DEL, backspace, carriage return. */
const ATTACK = "\x1b]0;owned\x07\x1b[2J\u009b31m\x7f\b\rann: yes";

test("control characters are shown, not obeyed", () => {
  expect(harmless(ATTACK)).toBe("␛]0;owned␇␛[2J\\u009b31m␡␈␍ann: yes");
  expect(harmless("a\tb\nc")).toBe("a    b␊c");
});

test("what turns the direction of writing, and halves of characters, are shown", () => {
  expect(harmless("user\u202e\u2066txt")).toBe("user\\u202e\\u2066txt");
  expect(harmless("a\ud800b")).toBe("a�b");
});

test("every other text is as it was, in any writing", () => {
  for (const text of ["grüß dich", "שלום", "こんにちは", "👩‍👩‍👧 ✓", "a  b"])
    expect(harmless(text)).toBe(text);
});

test("lines are told apart by line ends only", () => {
  expect(harmlessLines("a\r\nb\nc\u2028d\re")).toEqual(["a", "b", "c\\u2028d␍e"]);
});

test("JSON holds no control character, and parses to what it was", () => {
  const value = { text: `${ATTACK}\u2028\u202e\n` };
  const json = harmlessJson(value);
  expect(json).toMatch(/^[\x20-\x7e]*$/);
  expect(JSON.parse(json)).toEqual(value);
});
