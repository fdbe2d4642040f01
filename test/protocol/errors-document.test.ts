import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DOCUMENTS } from "../../docs/generate/main.ts";
import { CLOSE_CODES } from "../../src/protocol/close-codes.ts";
import { ERRORS, type ErrorCode, errorEntry } from "../../src/protocol/errors.ts";

const ROOT = join(import.meta.dir, "../..");
const [errors = "", closes = ""] = readFileSync(join(ROOT, "docs/ERRORS.md"), "utf8").split("## Close codes");
const codes = Object.keys(ERRORS) as ErrorCode[];

/** The first cell of each row of the tables in `text`, without marks. */
function firstCells(text: string): string[] {
  return [...text.matchAll(/^\| `?([a-z_]+|\d+)`? \|/gm)]
    .map(([, cell]) => cell!)
    .filter((cell) => cell !== "code");
}

test("every error code is in docs/ERRORS.md, and every code there is in the catalogue", () => {
  expect(firstCells(errors).sort()).toEqual([...codes].sort());
});

test("every close code is in docs/ERRORS.md, and every one there is in the table", () => {
  expect(firstCells(closes)).toEqual(Object.keys(CLOSE_CODES));
});

test.each(codes)("%s is documented with its own status and close code, and the close code exists", (code) => {
  const { http, close, endsConversation, what, advice } = errorEntry(code);
  const ends = endsConversation ? "conversation" : "–";
  expect(errors).toContain(`| \`${code}\` | ${http} | ${close ?? "–"} | ${ends} | ${what} | ${advice} |`);
  if (close !== undefined) expect(Object.keys(CLOSE_CODES)).toContain(String(close));
});

test("every family of errors of the brief has a heading with at least one code", () => {
  const families = [
    "Authentication",
    "Rate limit",
    "Inactivity",
    "Invalid connection",
    "Validation",
    "Message parsing",
    "Server",
  ];
  for (const family of families) {
    const section = errors.split(`## ${family}\n`)[1]?.split("\n## ")[0] ?? "";
    expect(firstCells(section).length).toBeGreaterThan(0);
  }
});

test.each([...DOCUMENTS])("%s is what the code makes", (path, make) => {
  expect(readFileSync(join(ROOT, path), "utf8")).toBe(make());
});
