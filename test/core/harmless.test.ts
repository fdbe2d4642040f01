import { expect, test } from "bun:test";
import {
  harmless,
  harmlessJson,
  harmlessLines,
  harmlessOutput,
  unseenEscaped,
} from "../../src/core/harmless.ts";

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

test("what has no width is shown: two names that differ look different", () => {
  expect(harmless("an\u200bna")).toBe("an\\u200bna");
  expect(harmless("\ufeffanna\u2060\u00ad\u180e\u3164")).toBe("\\ufeffanna\\u2060\\u00ad\\u180e\\u3164");
  expect(harmless("tag\u{e0061}")).toBe("tag\\udb40\\udc61");
  // Joiners stay where they join.
  expect(harmless("a\u200db\u200c \u200d")).toBe("a\\u200db\\u200c \\u200d");
  expect(harmless("می\u200cخواهم")).toBe("می\u200cخواهم");
});

test("output of Parley's own keeps its line ends and colours, and obeys nothing else", () => {
  expect(harmlessOutput("\x1b[31m\ta\x1b[0m\nb\x1b]0;x\x07\x1b[2J\u202e\r\n")).toBe(
    "\x1b[31m\ta\x1b[0m\nb␛]0;x␇␛[2J\\u202e␍\n",
  );
});

test("JSON that is written already keeps its line ends", () => {
  expect(unseenEscaped('{"a":"\x7f\x9b"}\n')).toBe('{"a":"\\u007f\\u009b"}\n');
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
