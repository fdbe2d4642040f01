// How fast users enter one large conversation, and how fast as many enter conversations of ten (LR4):
// `bun bench/standalone/large-conversation.ts`. 4,000 users; with `--long` 10,000, and with `--redis` on Redis; `--once` for one round. A user has
// entered when `welcome` has arrived. Both are measured in the same run, by turns, on a server each. The processor time that
// one costs the server says the same on a machine that has other work.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGenerator, type LoadGenerator, type TrafficResult } from "../load-generator.ts";
import { median } from "../median.ts";
import { parley, parleyRedis } from "../peers/parley.ts";

/** The generator connects the first so many again and again before it counts, each in a conversation of its own. */
const WARM_UP = 1_000;
const ROUNDS = process.argv.includes("--once") ? 1 : 3;
const SMALL = 10;

const users = process.argv.includes("--long") ? 10_000 : 4_000;
const peer = process.argv.includes("--redis") ? parleyRedis : parley;
const cases = [
  { name: `one conversation of ${users}`, conversationOf: () => "large" },
  { name: `conversations of ${SMALL}`, conversationOf: (i: number) => `small-${Math.floor(i / SMALL)}` },
];

const folder = mkdtempSync(join(tmpdir(), "parley-large-"));
try {
  const load = await buildGenerator(folder);
  const entered = cases.map((): Entered[] => []);
  for (let round = 1; round <= ROUNDS; round++)
    for (const [i, { name, conversationOf }] of cases.entries()) {
      const result = await measure(load, join(folder, `${round}-${i}`), conversationOf);
      entered[i]!.push(result);
      console.log(`round ${round}, ${name}: ${describe(result)}`);
    }
  const [large, small] = entered.map((results) => ({
    rate: median(results.map(({ rate }) => rate)),
    cost: median(results.map(({ cost }) => cost)),
  })) as [Entered, Entered];
  console.log(`${peer.name}, medians of ${ROUNDS}:`);
  console.log(`${cases[0]!.name}: ${describe(large)}`);
  console.log(`${cases[1]!.name}: ${describe(small)}`);
  const ratios = [large.rate / small.rate, small.cost / large.cost].map((ratio) => ratio.toFixed(2));
  console.log(`ratio ${ratios[0]} by rate, ${ratios[1]} by processor time (LR4: 0.5 or more)`);
} finally {
  rmSync(folder, { recursive: true });
}

/** How many users a second entered, and the server's processor time for one of them, in milliseconds. */
interface Entered {
  readonly rate: number;
  readonly cost: number;
}

function describe({ rate, cost }: Entered): string {
  return `${Math.round(rate)} users a second, ${cost.toFixed(2)} ms of processor time each`;
}

async function measure(
  load: LoadGenerator,
  own: string,
  conversationOf: (i: number) => string,
): Promise<Entered> {
  mkdirSync(own);
  await using server = await peer.start({ members: users, folder: own });
  const paths = Array.from({ length: WARM_UP }, (_, i) => server.target(`warm-${i}`, `warm-${i}`));
  for (let i = 0; i < users; i++) paths.push(server.target(`user-${i}`, conversationOf(i)));
  const { port, pid } = server;
  const job = { scenario: "connect", protocol: "parley", port, pid, paths, roomSize: 1 } as const;
  const { answered, seconds, serverBusy } = (await load.run(job)) as TrafficResult;
  return { rate: answered / seconds, cost: (serverBusy * seconds * 1000) / answered };
}
