// npm test: the checks and every test, then one line that counts them. Files with failures are run again, alone, and tests that
// pass only then are named (docs/decisions/0027-second-run.md). Words on the command line are passed on to
// `bun test` (a part of a path, or `-t name`), and then only those tests run. With --long (npm run test:long) the random
// tests and the delivery runs take their long form, and the delivery check runs on one node and on three.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildShared } from "./support/built-program.ts";
import { makeTemporaryFolder } from "./tooling/memory-folder.ts";
import { combineRuns, type FileRun, filesToRunAgain, readReport } from "./tooling/second-run.ts";
import { LONG_FILES, ROOT, testFiles } from "./tooling/test-files.ts";

interface Tool {
  readonly name: string;
  readonly isThere: () => boolean;
  /** Its package on Debian and Ubuntu. */
  readonly package: string;
  readonly need: string;
  /** Whether a slower tool for the same work is installed, so that the tests run without this one. */
  readonly hasSubstitute?: () => boolean;
}

/** The programs that the tests need besides npm packages. */
const TOOLS: readonly Tool[] = [
  {
    name: "chromium-headless-shell",
    isThere: () => Bun.which("chromium-headless-shell") !== null,
    package: "chromium-headless-shell",
    need: "the tests of the page",
    hasSubstitute: () => Bun.which(process.env.CHROMIUM ?? "chromium") !== null,
  },
  {
    name: "openssl",
    isThere: () => Bun.which("openssl") !== null,
    package: "openssl",
    need: "the tests of TLS",
  },
  ...["curl", "jq"].map((name) => ({
    name,
    isThere: () => Bun.which(name) !== null,
    package: name,
    need: "the tests of the examples",
  })),
  {
    name: "python3 with websockets",
    isThere: () => ["/usr/bin/python3", "python3"].some(hasWebsockets),
    package: "python3-websockets",
    need: "the tests of Python programs",
  },
  ...["zsh", "fish"].map((shell) => ({
    name: shell,
    isThere: () => Bun.which(shell) !== null,
    package: shell,
    need: "the tests of completion",
  })),
  ...["nginx", "haproxy"].map((proxy) => ({
    name: proxy,
    isThere: () => Bun.which(proxy, { PATH: `${process.env.PATH}:/usr/sbin` }) !== null,
    package: proxy,
    need: "the tests of proxies",
  })),
  {
    // With promtool. The tests start one of their own; that which the package starts may stop.
    name: "prometheus",
    isThere: () => Bun.which("prometheus") !== null,
    package: "prometheus",
    need: "the tests of the dashboard and the alerts",
  },
  {
    name: "redis-server",
    isThere: () => Bun.which("redis-server") !== null,
    package: "redis-server",
    need: "the tests of the Redis engine, of Sentinel and of Cluster",
  },
];

const CHECKS = ["check:types", "check:style", "check:docs"];

/** Runs of the delivery check in the long form: one server, and three nodes with each fault of their Redis. */
const DELIVERY_CHECKS = [[], ["--nodes", "3"]];

/**
 * Test files that run at once. Most of a test is waiting (for a child process, a reconnect, a Redis that restarts): with two files
 * for each core a third of the processor time was idle.
 */
const WORKERS = Math.round(2.5 * availableParallelism());

/**
 * In the long form: the files that run at once, and the tests that run at once in a file that allows it. Each delivery run has a
 * dozen processes. With 20 tests in each of five files, two cores had a load of 72, and the tests failed by time-outs only.
 */
const LONG_WORKERS = availableParallelism();
const LONG_CONCURRENCY = 2;
const LONG_TIMEOUT_MS = 600_000;
const SHORT_TIMEOUT_MS = 180_000;

/** About how many milliseconds each file takes, so that the slowest start first; `npm test -- --update-timings` measures it. */
const TIMINGS = "test/timings.json";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
const long = process.argv.includes("--long");
const chosen = process.argv.slice(2).filter((word) => word !== "--long");
if (long) process.env.TEST_LONG = "true";
const isWhole = chosen.every((word) => word === "--update-timings");
if (isWhole) await installTools();
// Beside the tests, which wait often.
const checks = isWhole ? runChecks() : undefined;
const folder = makeTemporaryFolder();
process.env.TMPDIR = folder;
Object.assign(process.env, await buildShared(folder));
await runTests(chosen, folder, checks);
if (long && isWhole) {
  for (const options of DELIVERY_CHECKS) {
    const passed = (await run(["npm", "run", "--silent", "check:delivery", "--", ...options])) === 0;
    counts[passed ? "passed" : "failed"]++;
  }
}
rmSync(folder, { recursive: true });
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exit(counts.failed > 0 ? 1 : 0);

/**
 * Runs `bun test` and counts from its report, which has more detail than its exit code. When tests of a few files failed in a
 * whole run, runs these files again, alone (docs/decisions/0027-second-run.md).
 */
async function runTests(words: readonly string[], folder: string, beside?: Promise<void>): Promise<void> {
  const report = join(folder, "report.xml");
  const options = [`--parallel=${long ? LONG_WORKERS : WORKERS}`, `--timings=${TIMINGS}`];
  if (!long) options.push(`--path-ignore-patterns=${LONG_FILES}`);
  const { results, code } = await runBunTest(report, [...options, ...words, ...(isWhole ? ["test/"] : [])]);
  await beside;
  // A file that does not load is in no report.
  const missing =
    isWhole && code !== 0 ? testFiles(long).filter((path) => !results.some(({ file }) => file === path)) : [];
  const again = new Map<string, FileRun>();
  for (const file of isWhole ? filesToRunAgain(results, missing) : []) {
    console.log(`\nTests failed while others ran beside them. Run again alone: ${file}`);
    again.set(file, await runBunTest(report, [`./${file}`]));
  }
  const { passed, failed, skipped, passedAlone } = combineRuns(results, missing, again);
  counts.passed += passed;
  counts.failed += failed;
  counts.skipped += skipped;
  // A run that found no test, or that ended early.
  if (code !== 0 && failed === 0 && again.size === 0) counts.failed++;
  if (passedAlone.length > 0) console.log("");
  for (const test of passedAlone) console.log(`passed only when run again alone: ${test}`);
}

/** Runs the checks one after another, counts them, and prints each with its output when it has ended. */
async function runChecks(): Promise<void> {
  for (const check of CHECKS) {
    const child = Bun.spawn(["sh", "-c", `npm run --silent ${check} 2>&1`], { cwd: ROOT, stdin: "ignore" });
    const output = await new Response(child.stdout).text();
    const passed = (await child.exited) === 0;
    console.log(`${output}${passed ? "passed" : "FAILED"}: npm run ${check}\n`);
    counts[passed ? "passed" : "failed"]++;
  }
}

/** Runs `bun test`, with its report in the file `report`. */
async function runBunTest(report: string, words: readonly string[]): Promise<FileRun> {
  rmSync(report, { force: true });
  const code = await run([
    ...[process.execPath, "--no-env-file", "test", "--reporter=junit", `--reporter-outfile=${report}`],
    ...[`--timeout=${long ? LONG_TIMEOUT_MS : SHORT_TIMEOUT_MS}`, "--only-failures"],
    ...(long ? [`--max-concurrency=${LONG_CONCURRENCY}`] : []),
    ...words,
  ]);
  return { results: existsSync(report) ? readReport(readFileSync(report, "utf8")) : [], code };
}

/** Installs missing programs, if this user may; otherwise prints in one line what to install. */
async function installTools(): Promise<void> {
  const missing = TOOLS.filter(({ isThere }) => !isThere());
  if (missing.length === 0) return;
  const packages = missing.map((tool) => tool.package);
  const mayInstall = Bun.which("apt-get") !== null && process.getuid?.() === 0;
  if (mayInstall && (await run(["apt-get", "update", "-qq"])) === 0) {
    // One by one: a release that lacks one of them still gets the others.
    for (const name of packages)
      await run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", name]);
  }
  for (const { name, isThere, package: debian, need, hasSubstitute } of missing) {
    if (isThere() || hasSubstitute?.()) continue;
    console.log(`${name} is missing, which ${need} need. Install it: sudo apt-get install ${debian}`);
    // On a developer's machine those tests are skipped, and counted as such; in CI a missing part is a failure.
    if (process.env.CI === "true") counts.failed++;
  }
}

function hasWebsockets(python: string): boolean {
  return Bun.which(python) !== null && Bun.spawnSync([python, "-c", "import websockets"]).success;
}

/**
 * Runs a command with our output; returns its exit code. It gets the environment as it is now: without `env` it would get the one that
 * this process was started with, and so neither TEST_LONG nor what `buildShared` has built.
 */
function run(command: string[]): Promise<number> {
  return Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"], cwd: ROOT, env: process.env }).exited;
}
