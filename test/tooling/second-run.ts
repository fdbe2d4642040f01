// Which test files `npm test` runs a second time, and what the two runs come to (docs/decisions/0027-second-run.md).

/** A test, as the report of a run lists it. */
export interface TestResult {
  /** The path of the file, from the root of the project. */
  readonly file: string;
  /** The names of its groups and its own: `outer > inner > a test`. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** One test file that was run alone. */
export interface FileRun {
  readonly results: readonly TestResult[];
  /** The exit code of `bun test`. It is not 0 if the file did not load, too. */
  readonly code: number;
}

/** The result of both runs. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The tests that failed beside others and passed alone: `<file> > <test>`. They are counted as passed. */
  readonly passedAlone: readonly string[];
}

/** More files with failures than this are a real fault, and none of them is run again. */
export const MAX_FILES = 5;

/**
 * Returns the files that are run again: those with a failed test, and the `missing` ones, which did not load. Returns none if
 * they are more than MAX_FILES.
 */
export function filesToRunAgain(results: readonly TestResult[], missing: readonly string[]): string[] {
  const failed = results.filter(({ outcome }) => outcome === "failed").map(({ file }) => file);
  const files = [...new Set([...failed, ...missing])];
  return files.length > MAX_FILES ? [] : files;
}

/**
 * Returns what both runs come to. The second run of a file replaces the first one: a test that fails in it has failed,
 * whatever it did before.
 */
export function combineRuns(
  first: readonly TestResult[],
  missing: readonly string[],
  again: ReadonlyMap<string, FileRun>,
): Outcome {
  const results = first.filter(({ file }) => !again.has(file));
  let failed = missing.filter((file) => !again.has(file)).length;
  const passedAlone: string[] = [];
  for (const [file, { results: second, code }] of again) {
    results.push(...second);
    const hasFailures = second.some(({ outcome }) => outcome === "failed");
    // It did not load, or had no test.
    if ((code !== 0 && !hasFailures) || second.length === 0) failed++;
    if (code !== 0 && !hasFailures) continue;
    const failedAgain = new Set(second.filter(({ outcome }) => outcome === "failed").map(({ name }) => name));
    const before = first.filter((each) => each.file === file && each.outcome === "failed");
    for (const { name } of before) if (!failedAgain.has(name)) passedAlone.push(`${file} > ${name}`);
  }
  const count = (wanted: TestResult["outcome"]) => results.filter(({ outcome }) => outcome === wanted).length;
  return {
    passed: count("passed"),
    failed: failed + count("failed"),
    skipped: count("skipped"),
    passedAlone,
  };
}

/** Reads the tests from a report that `bun test --reporter=junit` has written. */
export function readReport(xml: string): TestResult[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, attributes = "", , content = ""]) => {
      const { name = "", classname = "", file = "" } = readAttributes(attributes);
      // The report lists the groups from the inside.
      const groups = classname === "" ? [] : classname.split(" > ").reverse();
      const outcome = /<(failure|error)\b/.test(content)
        ? "failed"
        : content.includes("<skipped")
          ? "skipped"
          : "passed";
      return { file, name: [...groups, name].join(" > "), outcome };
    },
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function readAttributes(text: string): Readonly<Record<string, string>> {
  const attributes = [...text.matchAll(/(\w+)="([^"]*)"/g)];
  return Object.fromEntries(attributes.map(([, name, value]) => [name, decodeText(value!)]));
}

function decodeText(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, number?: string, name?: string) =>
    number === undefined ? (ENTITIES[name!] ?? whole) : String.fromCodePoint(Number(number)),
  );
}
