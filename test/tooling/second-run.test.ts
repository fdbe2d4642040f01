// The second run of `npm test`: which files are run again, and how both runs are counted.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { combineRuns, filesToRunAgain, MAX_FILES, readReport, type TestResult } from "./second-run.ts";

const result = (file: string, name: string, outcome: TestResult["outcome"] = "passed"): TestResult => ({
  file,
  name,
  outcome,
});

const FIRST = [
  result("a", "one"),
  result("a", "two", "failed"),
  result("b", "one"),
  result("b", "two", "skipped"),
];

test("files with failures and files that did not load are run again, each once", () => {
  const results = [...FIRST, result("a", "three", "failed")];
  expect(filesToRunAgain(results, ["c"])).toEqual(["a", "c"]);
  expect(filesToRunAgain([result("a", "one")], [])).toEqual([]);
});

test("with more failing files than the limit, none is run again", () => {
  const failing = Array.from({ length: MAX_FILES }, (_, i) => result(`f${i}`, "one", "failed"));
  expect(filesToRunAgain(failing, [])).toHaveLength(MAX_FILES);
  expect(filesToRunAgain(failing, ["one more"])).toEqual([]);
});

test("a test that passes alone is counted as passed, and named", () => {
  const again = new Map([["a", { results: [result("a", "one"), result("a", "two")], code: 0 }]]);
  expect(combineRuns(FIRST, [], again)).toEqual({
    passed: 3,
    failed: 0,
    skipped: 1,
    passedAlone: ["a > two"],
  });
});

test("a test that fails alone has failed, whether it failed before or not", () => {
  const repeated = { results: [result("a", "one"), result("a", "two", "failed")], code: 1 };
  expect(combineRuns(FIRST, [], new Map([["a", repeated]]))).toEqual({
    passed: 2,
    failed: 1,
    skipped: 1,
    passedAlone: [],
  });
  const other = { results: [result("a", "one", "failed"), result("a", "two")], code: 1 };
  expect(combineRuns(FIRST, [], new Map([["a", other]]))).toEqual({
    passed: 2,
    failed: 1,
    skipped: 1,
    passedAlone: ["a > two"],
  });
});

test("failures that are not run again stay failures", () => {
  expect(combineRuns(FIRST, ["c"], new Map())).toEqual({ passed: 2, failed: 2, skipped: 1, passedAlone: [] });
});

test("a file that does not load alone either, or has no test then, is one failure", () => {
  for (const code of [0, 1]) {
    const again = new Map([["c", { results: [], code }]]);
    expect(combineRuns([result("b", "one")], ["c"], again)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      passedAlone: [],
    });
  }
});

test("a file that ends with an error after its tests passed has failed", () => {
  const again = new Map([["a", { results: [result("a", "one"), result("a", "two")], code: 1 }]]);
  expect(combineRuns(FIRST, [], again)).toMatchObject({ failed: 1, passedAlone: [] });
});

test("the report of a real run is read, with groups from the outside and with the characters of the names", async () => {
  await using folder = await scratchFolder({
    "x.test.ts": `
      import { describe, expect, test } from "bun:test";
      describe("outer", () => describe("in & out", () => {
        test('a <b> "c" fails', () => expect(1).toBe(2));
        test("passes", () => {});
        test.skip("is skipped", () => {});
      }));
      test("alone", () => {});`,
    "y.test.ts": `import "./missing.ts";`,
  });
  const report = `${folder.path}/report.xml`;
  const arguments_ = ["--reporter=junit", `--reporter-outfile=${report}`, "--parallel=2"];
  const run = Bun.spawn([process.execPath, "--no-env-file", "test", ...arguments_], {
    cwd: folder.path,
    stdio: ["ignore", "ignore", "ignore"],
  });
  expect(await run.exited).toBe(1);
  expect(readReport(await Bun.file(report).text())).toEqual([
    result("x.test.ts", 'outer > in & out > a <b> "c" fails', "failed"),
    result("x.test.ts", "outer > in & out > passes"),
    result("x.test.ts", "outer > in & out > is skipped", "skipped"),
    result("x.test.ts", "alone"),
  ]);
});

async function scratchFolder(files: Readonly<Record<string, string>>) {
  const path = mkdtempSync(join(tmpdir(), "parley-second-run-"));
  for (const [name, text] of Object.entries(files)) await Bun.write(join(path, name), text);
  return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }) };
}
