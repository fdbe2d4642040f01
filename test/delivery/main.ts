// npm run check:delivery [-- --seed 1 --clients 60 --seconds 60]: clients whose lines are cut talk to a server that is
// killed and restarted; then everybody's record is compared with the store. Exit code 1 when a promise was broken.
import { parseArgs } from "node:util";
import { isKept, reportLines } from "./report.ts";
import { run } from "./run.ts";

const USAGE = `npm run check:delivery -- [--seed <n>] [--clients 60] [--seconds 60]

Without a seed a new one is taken, and printed: give it again to repeat what the run did to its clients.`;

const KILLS_A_SECOND = 0.4;
const DRAINS_A_SECOND = 0.08;
const CUTS_A_SECOND = 5;

try {
  const options = readOptions();
  if (options === undefined) console.log(USAGE);
  else {
    const { seconds } = options;
    const result = await run({
      ...options,
      kills: Math.ceil(seconds * KILLS_A_SECOND),
      drains: Math.ceil(seconds * DRAINS_A_SECOND),
      cuts: Math.ceil(seconds * CUTS_A_SECOND),
      pace: { pause: 400, window: 6 },
      library: true,
    });
    for (const line of reportLines(result)) console.log(line);
    process.exitCode = isKept(result) ? 0 : 1;
  }
} catch (error) {
  console.error(`check:delivery: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

/** What the command line asks for; undefined for help. Throws what is wrong with it. */
function readOptions(): { seed: number; clients: number; seconds: number } | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      clients: { type: "string" },
      seconds: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  return {
    seed: whole("seed", values.seed, Math.floor(Math.random() * 2 ** 31), 0),
    clients: whole("clients", values.clients, 60, 1),
    seconds: whole("seconds", values.seconds, 60, 1),
  };
}

function whole(name: string, text: string | undefined, otherwise: number, least: number): number {
  const number = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} ${text} is not a whole number of ${least} or more.\n\n${USAGE}`);
  return number;
}
