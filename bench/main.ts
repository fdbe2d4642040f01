// npm run bench [-- <case…> <peer…>]: measures Parley beside its peers. What and how: README.md.
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type Case } from "./cases.ts";
import { type JitterResult, runJitter, SECONDS } from "./jitter/jitter.ts";
import { installSocketio, JITTER_PEERS } from "./jitter/peers.ts";
import { JITTER_TITLE, jitterSection, jitterTable } from "./jitter/report.ts";
import { buildGenerator } from "./load/generator.ts";
import { describeMachine } from "./machine.ts";
import { type Measurement, measure } from "./measure.ts";
import { PEERS } from "./peers/all.ts";
import { parley } from "./peers/parley.ts";
import type { Peer } from "./peers/peer.ts";
import { amount, peersOf, results, rowsOf, type Section, sectionOf, terminalTable } from "./report.ts";

/** Fewer say nothing about the spread, and RESULTS.md is not written from them. */
const ROUNDS = 3;

const JITTER = "jitter";

const USAGE = `npm run bench -- [<case…>] [<peer…>] [--rounds ${ROUNDS}] [--seconds ${SECONDS}] [--profile]

cases: ${[...CASES.map((kase) => kase.name), JITTER].join(", ")}; peers: ${PEERS.map((peer) => peer.name).join(", ")}; all of them without a name.
${JITTER} has peers of its own, always runs all of them, and cuts their lines for --seconds.
--profile runs Parley (or parley-redis) once in each case under Bun's CPU profiler and says where the profile is.`;

interface Plan {
  readonly cases: readonly Case[];
  readonly jitter: boolean;
  /** Of the jitter case. */
  readonly seconds: number;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly profile: boolean;
}

try {
  const plan = readPlan();
  if (plan === undefined) console.log(USAGE);
  else await bench(plan);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

/** What the command line asks for; undefined for help. Throws what is wrong with it. */
function readPlan(): Plan | undefined {
  const { values, positionals } = parseArgs({
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      profile: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const cases = CASES.filter((kase) => positionals.includes(kase.name));
  const peers = PEERS.filter((peer) => positionals.includes(peer.name));
  const names = [...CASES, ...PEERS].map(({ name }): string => name).concat(JITTER);
  const unknown = positionals.find((word) => !names.includes(word));
  if (unknown !== undefined) throw new Error(`${unknown} is neither a case nor a peer.\n\n${USAGE}`);
  const profile = values.profile === true;
  const rounds = Number(values.rounds ?? (profile ? 1 : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds} is not a whole number of 1 or more.`);
  const seconds = Number(values.seconds ?? SECONDS);
  if (!Number.isInteger(seconds) || seconds < 1)
    throw new Error(`--seconds ${values.seconds} is not a whole number of 1 or more.`);
  const jitter = positionals.includes(JITTER);
  return {
    cases: cases.length > 0 || jitter ? cases : CASES,
    jitter: !profile && (jitter || (cases.length === 0 && peers.length === 0)),
    seconds,
    peers: peers.length > 0 ? peers : profile ? [parley] : PEERS,
    rounds,
    profile,
  };
}

async function bench(plan: Plan): Promise<void> {
  if (process.platform !== "linux" || Bun.which("taskset") === null)
    throw new Error(
      "the bench pins processes to cores and reads /proc: it needs Linux with taskset (util-linux).",
    );
  if (availableParallelism() < 2)
    throw new Error("the bench needs two cores, one for the server and one for the load.");
  const out = join(import.meta.dir, "out");
  await mkdir(out, { recursive: true });
  const generator = await buildGenerator(out);
  const machine = describeMachine(generator.toolchain);

  if (plan.jitter) await installSocketio();

  const runs: Measurement[] = [];
  const jitterRuns: JitterResult[] = [];
  const stores = join(out, "stores");
  for (let round = 1; round <= plan.rounds; round++) {
    for (const kase of plan.cases)
      for (const peer of peersOf(kase, plan.peers)) {
        const profile = plan.profile ? join(out, "profiles", `${kase.name}-${Date.now()}`) : undefined;
        const run = await measure({
          case: kase,
          peer,
          round,
          generator,
          folder: stores,
          ...(profile !== undefined && { profile }),
        });
        runs.push(run);
        console.log(
          `${round}/${plan.rounds}  ${kase.name}  ${peer.name}  ${amount(run.figure, { case: kase })}`,
        );
        if (profile !== undefined)
          console.log(`     profile (for Chrome's DevTools, and as Markdown): ${profile}`);
      }
    if (plan.jitter) {
      const outcome = await runJitter(stores, round, plan.seconds);
      jitterRuns.push(...outcome);
      const lost = outcome.map((run) => `${run.peer} lost ${run.lost} of ${run.expected}`);
      console.log(`${round}/${plan.rounds}  ${JITTER}  ${lost.join(", ")}`);
    }
  }

  const rows = rowsOf(plan.cases, plan.peers, runs);
  if (rows.length > 0) console.log(`\n${terminalTable(rows)}`);
  if (plan.jitter) {
    const lines = jitterTable(jitterRuns).map((line) => line.join("  ").trimEnd());
    console.log(`\n${lines.join("\n")}`);
  }
  const all = { machine, rounds: plan.rounds, runs, jitter: jitterRuns };
  await Bun.write(join(out, "results.json"), JSON.stringify(all, null, 2));
  console.log("\nWritten: bench/out/results.json");
  if (plan.rounds < ROUNDS || plan.profile) return;

  const complete = plan.cases.filter((kase) =>
    peersOf(kase, PEERS).every((peer) => plan.peers.includes(peer)),
  );
  const made: Section[] = complete.map((kase) => sectionOf(kase, rows, plan.rounds, machine));
  if (plan.jitter && plan.seconds === SECONDS) made.push(jitterSection(jitterRuns, plan.rounds, machine));
  if (made.length === 0) return;
  const document = Bun.file(join(import.meta.dir, "RESULTS.md"));
  const before = (await document.exists()) ? await document.text() : "";
  const titles = [...CASES.map(({ title }) => title), JITTER_TITLE];
  const peers = [...PEERS, ...JITTER_PEERS.filter(({ name }) => name !== parley.name)];
  await Bun.write(document, results(before, made, titles, peers));
  console.log(`Written: bench/RESULTS.md, the sections of ${made.length} cases`);
}
