// npm run bench [-- <case…> <peer…>]: measures Parley beside its peers. What and how: README.md.
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type Case } from "./cases.ts";
import { buildGenerator } from "./load/generator.ts";
import { describeMachine } from "./machine.ts";
import { type Measurement, measure } from "./measure.ts";
import { parley } from "./peers/parley.ts";
import type { Peer } from "./peers/peer.ts";
import { relay } from "./peers/relay.ts";
import { amount, markdown, rowsOf, terminalTable } from "./report.ts";

const PEERS: readonly Peer[] = [relay, parley];

/** Fewer say nothing about the spread, and RESULTS.md is not written from them. */
const ROUNDS = 3;

const USAGE = `npm run bench -- [<case…>] [<peer…>] [--rounds ${ROUNDS}] [--profile]

cases: ${CASES.map((kase) => kase.name).join(", ")}; peers: ${PEERS.map((peer) => peer.name).join(", ")}; all of them without a name.
--profile runs Parley once in each case under Bun's CPU profiler and says where the profile is.`;

interface Plan {
  readonly cases: readonly Case[];
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
      profile: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const cases = CASES.filter((kase) => positionals.includes(kase.name));
  const peers = PEERS.filter((peer) => positionals.includes(peer.name));
  const unknown = positionals.find((word) => ![...CASES, ...PEERS].some(({ name }) => name === word));
  if (unknown !== undefined) throw new Error(`${unknown} is neither a case nor a peer.\n\n${USAGE}`);
  const profile = values.profile === true;
  const rounds = Number(values.rounds ?? (profile ? 1 : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds} is not a whole number of 1 or more.`);
  return {
    cases: cases.length > 0 ? cases : CASES,
    peers: profile ? [parley] : peers.length > 0 ? peers : PEERS,
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

  const runs: Measurement[] = [];
  for (let round = 1; round <= plan.rounds; round++)
    for (const kase of plan.cases)
      for (const peer of plan.peers) {
        const profile = plan.profile ? join(out, "profiles", `${kase.name}-${Date.now()}`) : undefined;
        const run = await measure({
          case: kase,
          peer,
          round,
          generator,
          folder: join(out, "stores"),
          ...(profile !== undefined && { profile }),
        });
        runs.push(run);
        console.log(
          `${round}/${plan.rounds}  ${kase.name}  ${peer.name}  ${amount(run.figure, { case: kase })}`,
        );
        if (profile !== undefined)
          console.log(`     profile (for Chrome's DevTools, and as Markdown): ${profile}`);
      }

  const rows = rowsOf(plan.cases, plan.peers, runs);
  console.log(`\n${terminalTable(rows)}\n`);
  await Bun.write(join(out, "results.json"), JSON.stringify({ machine, rounds: plan.rounds, runs }, null, 2));
  const whole =
    plan.cases.length === CASES.length && plan.peers.length === PEERS.length && plan.rounds >= ROUNDS;
  if (whole)
    await Bun.write(join(import.meta.dir, "RESULTS.md"), markdown(rows, plan.peers, plan.rounds, machine));
  console.log(
    whole
      ? "Written: bench/RESULTS.md, bench/out/results.json"
      : `Written: bench/out/results.json. bench/RESULTS.md is written by a run of everything with ${ROUNDS} rounds or more.`,
  );
}
