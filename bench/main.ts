// npm run bench [-- <case…> <peer…>]: measures Parley and its peers. README.md says what is measured, and how.
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { CASES, quickVariant } from "./cases.ts";
import { type GrowthPoint, runGrowth } from "./growth/growth.ts";
import { GROWTH_TITLE, growthPlots, growthSection, growthTable } from "./growth/report.ts";
import { DURATION_S, type JitterResult, runJitter } from "./jitter/jitter.ts";
import { installSocketio, JITTER_PEERS } from "./jitter/peers.ts";
import { JITTER_TITLE, jitterSection, jitterTable } from "./jitter/report.ts";
import { buildGenerator, type LoadGenerator } from "./load-generator.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { type Measurement, measure } from "./measure.ts";
import { median } from "./median.ts";
import { PEERS } from "./peers/all.ts";
import { relay } from "./peers/relay.ts";
import { FULL_ROUNDS, GROWTH, JITTER, type Plan, readPlan, USAGE } from "./plan.ts";
import { compareToBaseline, readBaseline, writeBaseline } from "./report/baseline.ts";
import { formatFigure } from "./report/format-figure.ts";
import { MIN_CONTROL_ECHOES_PER_S } from "./report/notes.ts";
import { barPlot } from "./report/plot.ts";
import { resultsPage, type Section, sectionOf, terminalTable } from "./report/report.ts";
import { peersOf, type Row, rowsOf } from "./report/rows.ts";

const OUT = join(import.meta.dir, "out");
const STORES = join(OUT, "stores");

/** All that one call of the bench has measured. */
interface Measured {
  readonly runs: readonly Measurement[];
  readonly jitter: readonly JitterResult[];
  readonly growth: readonly GrowthPoint[];
  /** Echoes a second that the load reached with the relay, one for each round. */
  readonly controls: readonly number[];
}

try {
  const plan = readPlan(process.argv.slice(2));
  if (plan === undefined) console.log(USAGE);
  else await runBench(plan);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function runBench(plan: Plan): Promise<void> {
  if (process.platform !== "linux" || Bun.which("taskset") === null)
    throw new Error(
      "the bench pins processes to cores and reads /proc: it needs Linux with taskset (util-linux).",
    );
  if (availableParallelism() < 2)
    throw new Error("the bench needs two cores, one for the server and one for the load.");
  await mkdir(OUT, { recursive: true });
  const generator = await buildGenerator(OUT);
  const machine = describeMachine(generator.toolchain);
  const measured = await measureAll(plan, generator);

  const control = measured.controls.length === 0 ? MIN_CONTROL_ECHOES_PER_S : median(measured.controls);
  const rows = rowsOf(plan.cases, plan.peers, measured.runs, control);
  if (rows.length > 0) console.log(`\n${terminalTable(rows)}`);
  if (plan.jitter) print(jitterTable(measured.jitter));
  if (plan.growth) print(growthTable(measured.growth));
  if (plan.quick) console.log(`\n${compareToBaseline(rows, readBaseline())}`);
  const all = { machine, rounds: plan.rounds, ...measured };
  await Bun.write(join(OUT, "results.json"), JSON.stringify(all, null, 2));
  console.log("\nWritten: bench/out/results.json");
  if (!plan.profile && !plan.quick) await publish(plan, rows, measured, machine);
}

function print(table: readonly (readonly string[])[]): void {
  console.log(`\n${table.map((line) => line.join("  ").trimEnd()).join("\n")}`);
}

async function measureAll(plan: Plan, generator: LoadGenerator): Promise<Measured> {
  const runs: Measurement[] = [];
  const jitter: JitterResult[] = [];
  const controls: number[] = [];
  if (plan.jitter) await installSocketio();
  for (let round = 1; round <= plan.rounds; round++) {
    const step = `${round}/${plan.rounds}`;
    for (const kase of plan.cases)
      for (const peer of peersOf(kase, plan.peers)) {
        const profile = plan.profile ? join(OUT, "profiles", `${kase.name}-${Date.now()}`) : undefined;
        const run = await measure({
          case: kase,
          peer,
          round,
          generator,
          folder: STORES,
          ...(profile !== undefined && { profile }),
        });
        runs.push(run);
        console.log(`${step}  ${kase.name}  ${peer.name}  ${formatFigure(run.figure, { case: kase })}`);
        if (profile !== undefined)
          console.log(`     profile (for Chrome's DevTools, and as Markdown): ${profile}`);
      }
    if (plan.cases.length > 0) {
      const echo = runs.find(
        (run) => run.round === round && run.caseName === "echo" && run.peer === relay.name,
      );
      controls.push(echo?.figure ?? (await measureControl(generator, round)));
      console.log(
        `${step}  control: the load reached ${Math.round(controls.at(-1)! / 1000)} k echoes a second`,
      );
    }
    if (plan.jitter) {
      const outcome = await runJitter(STORES, round, plan.seconds);
      jitter.push(...outcome);
      const lost = outcome.map((run) => `${run.peer} lost ${run.lost} of ${run.expected}`);
      console.log(`${step}  ${JITTER}  ${lost.join(", ")}`);
    }
  }
  const growth = plan.growth
    ? await runGrowth(generator, STORES, ({ axis, peer, point, cost }) =>
        console.log(`${GROWTH}  ${axis} ${point}  ${peer}  ${cost} µs`),
      )
    : [];
  return { runs, jitter, growth, controls };
}

/** The relay's echoes where they are not among the cases: a run without them would not show whether the load is fast enough. */
async function measureControl(generator: LoadGenerator, round: number): Promise<number> {
  const echo = CASES.find(({ name }) => name === "echo")!;
  const run = await measure({ case: quickVariant(echo), peer: relay, round, generator, folder: STORES });
  return run.figure;
}

/** Writes what was measured in full to RESULTS.md, results.json and the plots; the rest of them stays as it was. */
async function publish(
  plan: Plan,
  rows: readonly Row[],
  { jitter, growth }: Measured,
  on: Machine,
): Promise<void> {
  const enough = plan.rounds >= FULL_ROUNDS;
  const complete = plan.cases.filter(
    (kase) => enough && peersOf(kase, PEERS).every((peer) => plan.peers.includes(peer)),
  );
  const plots = new Map(
    complete.map((kase) => [
      kase.name as string,
      barPlot(
        kase,
        rows.filter((row) => row.case === kase),
      ),
    ]),
  );
  const made: Section[] = complete.map((kase) => sectionOf(kase, rows, plan.rounds, on));
  if (plan.jitter && enough && plan.seconds === DURATION_S) made.push(jitterSection(jitter, plan.rounds, on));
  if (plan.growth) {
    made.push(growthSection(growth, on));
    for (const [name, plot] of growthPlots(growth)) plots.set(name, plot);
  }
  if (made.length === 0) return;
  for (const [name, plot] of plots) await Bun.write(join(import.meta.dir, "plots", `${name}.svg`), plot);
  const document = Bun.file(join(import.meta.dir, "RESULTS.md"));
  const before = (await document.exists()) ? await document.text() : "";
  const titles = [...CASES.map(({ title }) => title), JITTER_TITLE, GROWTH_TITLE];
  const jitterPeers = JITTER_PEERS.map(({ name, does }) => ({ name: `${name} in ${JITTER}`, does }));
  await Bun.write(document, resultsPage(before, made, titles, [...PEERS, ...jitterPeers]));
  await writeBaseline({
    cases: complete.map((kase) => ({ kase, rows: rows.filter((row) => row.case === kase) })),
    growth,
    on,
  });
  console.log(`Written: bench/RESULTS.md, results.json and plots/, ${made.length} sections`);
}
