import { parseArgs } from "node:util";
import { CASES, type Case, quickVariant } from "./cases.ts";
import { DURATION_S } from "./jitter/jitter.ts";
import { PEERS } from "./peers/all.ts";
import { parley } from "./peers/parley.ts";
import type { Peer } from "./peers/peer.ts";
import { relay } from "./peers/relay.ts";

/** Fewer rounds say nothing about the spread, and RESULTS.md is not written from them. */
export const FULL_ROUNDS = 3;

/** These two are no cases like the others: they have peers and tables of their own. */
export const JITTER = "jitter";
export const GROWTH = "growth";

export const USAGE = `npm run bench -- [<case…>] [<peer…>] [--rounds ${FULL_ROUNDS}] [--seconds ${DURATION_S}] [--quick] [--profile]

cases: ${[...CASES.map((kase) => kase.name), JITTER, GROWTH].join(", ")}
peers: ${PEERS.map((peer) => peer.name).join(", ")}
All of them without a name.
${JITTER} has peers of its own, always runs all of them, and cuts their lines for --seconds.
${GROWTH} measures what a message costs Parley as conversations, messages, members, users and connections grow, once.
--quick runs Parley and the relay for a moment and compares the ratios with the committed ones; under two minutes.
--profile runs Parley (or parley-redis) once in each case under Bun's CPU profiler and says where the profile is.`;

export interface Plan {
  readonly cases: readonly Case[];
  readonly jitter: boolean;
  readonly growth: boolean;
  /** Of the jitter case. */
  readonly seconds: number;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly profile: boolean;
}

/** The options of the command line; undefined for help. Throws an error for a wrong option. */
export function readPlan(args: readonly string[]): Plan | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const { quick, profile } = values;
  const names = [...CASES, ...PEERS].map(({ name }): string => name).concat(JITTER, GROWTH);
  const unknown = positionals.find((word) => !names.includes(word));
  if (unknown !== undefined) throw new Error(`${unknown} is neither a case nor a peer.\n\n${USAGE}`);
  const cases = CASES.filter((kase) => positionals.includes(kase.name));
  const peers = PEERS.filter((peer) => positionals.includes(peer.name));
  const [jitter, growth] = [positionals.includes(JITTER), positionals.includes(GROWTH)];
  const everything = positionals.length === 0 && !quick && !profile;
  const others = cases.length > 0 || jitter || growth;
  const offered = quick ? CASES.filter((kase) => kase.quick !== undefined).map(quickVariant) : CASES;
  return {
    cases: others ? (quick ? cases.map(quickVariant) : cases) : offered,
    jitter: jitter || everything,
    growth: growth || everything,
    seconds: parsePositiveInteger("seconds", values.seconds, DURATION_S),
    peers: peers.length > 0 ? peers : quick ? [relay, parley] : profile ? [parley] : PEERS,
    rounds: parsePositiveInteger("rounds", values.rounds, profile || quick ? 1 : FULL_ROUNDS),
    quick,
    profile,
  };
}

function parsePositiveInteger(option: string, word: string | undefined, otherwise: number): number {
  const number = Number(word ?? otherwise);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${option} ${word} is not a whole number of 1 or more.`);
  return number;
}
