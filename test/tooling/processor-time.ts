// npm run test:cost: runs each test file alone, one after another, and prints the 40 that took most processor time, with that
// of their child processes. Words on the command line choose files: a part of a path. The times are comparable on a busy
// machine, too, within a third.
import { rmSync } from "node:fs";
import { buildShared } from "../support/built-program.ts";
import { makeTemporaryFolder } from "./memory-folder.ts";
import { ROOT, testFiles } from "./test-files.ts";

const SHOWN = 40;

interface Cost {
  readonly file: string;
  /** Processor time in seconds, and of it that in the kernel. */
  readonly total: number;
  readonly system: number;
  /** From start to end, in seconds. */
  readonly elapsed: number;
  readonly passed: boolean;
}

const words = process.argv.slice(2);
const folder = makeTemporaryFolder();
const env = { ...process.env, TMPDIR: folder, ...(await buildShared(folder)) };
const costs: Cost[] = [];
for (const file of testFiles())
  if (words.length === 0 || words.some((word) => file.includes(word))) costs.push(await measure(file));
rmSync(folder, { recursive: true });
const sum = (part: (cost: Cost) => number) => costs.reduce((all, cost) => all + part(cost), 0).toFixed(0);
console.log(
  `${costs.length} files: ${sum(({ total }) => total)} s, of them ${sum(({ system }) => system)} s in the kernel`,
);
console.log("  total  kernel elapsed");
for (const { file, total, system, elapsed, passed } of costs
  .sort((a, b) => b.total - a.total)
  .slice(0, SHOWN))
  console.log(
    [total, system, elapsed].map((seconds) => seconds.toFixed(1).padStart(7)).join(" "),
    passed ? file : `${file} FAILED`,
  );
process.exit(costs.every(({ passed }) => passed) ? 0 : 1);

async function measure(file: string): Promise<Cost> {
  const begin = performance.now();
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", "test", "--timeout=180000", "--only-failures", `./${file}`],
    { cwd: ROOT, env, stdio: ["ignore", "ignore", "ignore"] },
  );
  const code = await child.exited;
  // Includes the processes that it has started and waited for.
  const { user, system } = child.resourceUsage()!.cpuTime;
  const seconds = (microseconds: bigint | number) => Number(microseconds) / 1e6;
  return {
    file,
    total: seconds(user) + seconds(system),
    system: seconds(system),
    elapsed: (performance.now() - begin) / 1000,
    passed: code === 0,
  };
}
