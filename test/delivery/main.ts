// npm run check:delivery [-- --seed 1 --clients 60 --seconds 60]: clients whose connections are cut use a server that
// is killed and restarted; then every client's record is compared with the store. Exit code 1 when a promise was
// broken. With --nodes 3 several servers share a Redis, into which --fault is injected.
import { parseArgs } from "node:util";
import { isPassed, reportLines } from "./report.ts";
import { type RunOptions, run } from "./run.ts";
import { REDIS_FAULTS, type RedisFaultName } from "./topology/redis-faults.ts";

const USAGE = `npm run check:delivery -- [--seed <n>] [--clients 60] [--seconds 60] [--nodes 3 [--fault <name>]]

Without a seed a new one is taken, and printed: give it again to repeat what the run did to its clients. With --nodes that
many servers share a Redis; --fault is what happens meanwhile, and without it there is a run for each:
${Object.entries(REDIS_FAULTS)
  .map(([name, { description }]) => `  ${name.padEnd(18)}${description}`)
  .join("\n")}`;

const KILLS_PER_S = 0.4;
const DRAINS_PER_S = 0.08;
const CUTS_PER_S = 5;

/** Of many nodes one at a time, each stopped for seconds. */
const NODE_KILLS_PER_S = 0.15;

try {
  const options = readOptions();
  if (options === undefined) console.log(USAGE);
  else {
    let passed = true;
    const { faults, nodes: count, ...rest } = options;
    const topologies = count === undefined ? [undefined] : faults.map((fault) => ({ count, fault }));
    for (const nodes of topologies) {
      const result = await run(runOptions(rest, nodes));
      for (const line of reportLines(result)) console.log(line);
      passed &&= isPassed(result);
    }
    process.exitCode = passed ? 0 : 1;
  }
} catch (error) {
  console.error(`check:delivery: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

interface Options {
  readonly seed: number;
  readonly clients: number;
  readonly seconds: number;
}

/** How often each fault occurs in a run. */
function runOptions(options: Options, nodes: RunOptions["nodes"]): RunOptions {
  const { seconds } = options;
  const common = { ...options, pace: { pause: 400, window: 6 }, library: true };
  const cuts = Math.ceil(seconds * CUTS_PER_S);
  const drains = Math.ceil(seconds * DRAINS_PER_S);
  if (nodes === undefined) return { ...common, cuts, drains, kills: Math.ceil(seconds * KILLS_PER_S) };
  const strikes = Math.ceil((seconds * REDIS_FAULTS[nodes.fault].aMinute) / 60);
  return strikes === 0
    ? { ...common, nodes, cuts, drains, kills: Math.ceil(seconds * NODE_KILLS_PER_S) }
    : { ...common, nodes, cuts, drains: 0, kills: 0, strikes };
}

/** The options of the command line; undefined for help. Throws an error for a wrong option. */
function readOptions(): (Options & { nodes: number | undefined; faults: RedisFaultName[] }) | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      clients: { type: "string" },
      seconds: { type: "string" },
      nodes: { type: "string" },
      fault: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const names = Object.keys(REDIS_FAULTS) as RedisFaultName[];
  const faults = names.filter((name) => values.fault === undefined || name === values.fault);
  if (faults.length === 0) throw new Error(`--fault ${values.fault} is none of them.\n\n${USAGE}`);
  if (values.fault !== undefined && values.nodes === undefined)
    throw new Error(`--fault needs --nodes.\n\n${USAGE}`);
  return {
    seed: parseInteger("seed", values.seed, Math.floor(Math.random() * 2 ** 31), 0),
    clients: parseInteger("clients", values.clients, 60, 1),
    seconds: parseInteger("seconds", values.seconds, 60, 1),
    nodes: values.nodes === undefined ? undefined : parseInteger("nodes", values.nodes, 3, 2),
    faults,
  };
}

function parseInteger(name: string, text: string | undefined, otherwise: number, least: number): number {
  const number = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} ${text} is not a whole number of ${least} or more.\n\n${USAGE}`);
  return number;
}
