import { expect, test } from "bun:test";
import {
  escapeControlChars,
  escapedJson,
  escapedLines,
  escapedOutput,
  escapeInvisible,
} from "../../src/core/escape-control-chars.ts";

/** Everything that a terminal could obey: ESC, BEL, CSI in one byte, DEL, backspace, carriage return. */
const ATTACK = "\x1b]0;owned\x07\x1b[2J\u009b31m\x7f\b\rann: yes";

test("control characters are shown as symbols", () => {
  expect(escapeControlChars(ATTACK)).toBe("␛]0;owned␇␛[2J\\u009b31m␡␈␍ann: yes");
  expect(escapeControlChars("a\tb\nc")).toBe("a    b␊c");
});

test("direction controls and lone surrogates are shown", () => {
  expect(escapeControlChars("user\u202e\u2066txt")).toBe("user\\u202e\\u2066txt");
  expect(escapeControlChars("a\ud800b")).toBe("a�b");
});

test("characters without width are shown: two names that differ look different", () => {
  expect(escapeControlChars("an\u200bna")).toBe("an\\u200bna");
  expect(escapeControlChars("\ufeffanna\u2060\u00ad\u180e\u3164")).toBe(
    "\\ufeffanna\\u2060\\u00ad\\u180e\\u3164",
  );
  expect(escapeControlChars("tag\u{e0061}")).toBe("tag\\udb40\\udc61");
  // Joiners stay where they join.
  expect(escapeControlChars("a\u200db\u200c \u200d")).toBe("a\\u200db\\u200c \\u200d");
  expect(escapeControlChars("می\u200cخواهم")).toBe("می\u200cخواهم");
});

test("Parley's own output keeps its line ends and colours, and escapes everything else", () => {
  expect(escapedOutput("\x1b[31m\ta\x1b[0m\nb\x1b]0;x\x07\x1b[2J\u202e\r\n")).toBe(
    "\x1b[31m\ta\x1b[0m\nb␛]0;x␇␛[2J\\u202e␍\n",
  );
});

test("encoded JSON keeps its line ends", () => {
  expect(escapeInvisible('{"a":"\x7f\x9b"}\n')).toBe('{"a":"\\u007f\\u009b"}\n');
});

test("every other text is unchanged, in any script", () => {
  for (const text of ["grüß dich", "שלום", "こんにちは", "👩‍👩‍👧 ✓", "a  b"])
    expect(escapeControlChars(text)).toBe(text);
});

test("only line ends separate lines", () => {
  expect(escapedLines("a\r\nb\nc\u2028d\re")).toEqual(["a", "b", "c\\u2028d␍e"]);
});

test("JSON contains no control character, and parses to the same value", () => {
  const value = { text: `${ATTACK}\u2028\u202e\n` };
  const json = escapedJson(value);
  expect(json).toMatch(/^[\x20-\x7e]*$/);
  expect(JSON.parse(json)).toEqual(value);
});
