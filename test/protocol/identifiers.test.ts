import { expect, test } from "bun:test";
import {
  conversationProblem,
  isIdentifier as isIdentifierOfThePage,
} from "../../src/console/conversation-name.ts";
import { isConversationPattern } from "../../src/core/access/grants.ts";
import { Identifier, isIdentifier } from "../../src/protocol/identifiers.ts";

const GOOD = [
  "a",
  "0",
  "-",
  "_",
  ":",
  "@",
  "...",
  ".a",
  "a.",
  "a..b",
  "__proto__",
  "team:a@b.c_d-1",
  "a".repeat(128),
];
const BAD = [".", "..", "", " ", "a b", "a/b", "é", "a\n", "\n", "..\n", "a".repeat(129), "%2e"];

test.each(GOOD)("W3 %p can name a user or a conversation", (name) => {
  expect(isIdentifier(name)).toBe(true);
  expect(isIdentifierOfThePage(name)).toBe(true);
  expect(conversationProblem(name)).toBeUndefined();
  expect(Identifier.safeParse(name).success).toBe(true);
});

// RFC 3986 §5.2.4: every reader of an address takes `.` and `..` out of its path, so that they could never be opened.
test.each(BAD)("W3 %p cannot name a user or a conversation", (name) => {
  expect(isIdentifier(name)).toBe(false);
  expect(isIdentifierOfThePage(name)).toBe(false);
  expect(conversationProblem(name)).toBeString();
  expect(Identifier.safeParse(name).success).toBe(false);
});

test("A6 a pattern may begin as those names do", () => {
  expect(isConversationPattern(".")).toBe(false);
  expect(isConversationPattern("..")).toBe(false);
  expect(isConversationPattern(".*")).toBe(true);
  expect(isConversationPattern("..*")).toBe(true);
});
