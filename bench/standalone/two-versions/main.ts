// What a message costs two versions of the server, in one run:
//
//   taskset -c 1 bun bench/standalone/two-versions/main.ts <folder> <other folder> [parley | parley-redis] [echo | fan-out | rooms] [rounds]
//
// Both servers run at the same time on one core, each with a load generator of its own on the other core, and what they cost is
// their processor time by message. So whatever slows the machine slows both alike: the ratio of two runs differs by 1 %, where the
// throughput of two runs one after the other differs by 10 to 30 %. The folders are two checkouts of this repository, each with its
// `node_modules`; to see what the folders themselves do, check out the same commit in both.
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CASES, type Case } from "../../cases.ts";
import { buildGenerator, type LoadGenerator, type TrafficResult } from "../../load-generator.ts";
import { median } from "../../median.ts";
import type { Peer } from "../../peers/peer.ts";

const ROUNDS = 3;
/** Until the runtime has compiled the code, in seconds. */
const WARM_UP_S = 8;
const SECONDS = 8;

const [first, second, peerName = "parley", caseName = "echo", rounds = ROUNDS] = process.argv.slice(2);
const kase = CASES.find(({ name }) => name === caseName);
if (first === undefined || second === undefined || kase?.load.scenario !== "traffic")
  throw new Error("two folders are needed, and a case with traffic, such as `echo`.");
const folders = [resolve(first), resolve(second)] as const;

const work = await mkdtemp(join(folders[0], ".two-versions-"));
try {
  const generator = await buildGenerator(work);
  const ratios: number[] = [];
  for (let round = 1; round <= Number(rounds); round++) {
    const costs = await measureBoth(kase, generator, round % 2 === 1);
    ratios.push(costs[1] / costs[0]);
    const [one, other] = costs.map((cost) => `${cost.toFixed(2)} µs`);
    console.log(`${round}  ${one} and ${other} a message: ${ratios.at(-1)!.toFixed(3)}`);
  }
  console.log(`${caseName}, ${peerName}: ${median(ratios).toFixed(3)} (second by first, median)`);
} finally {
  await rm(work, { recursive: true });
}

/** Returns the processor time of a message in both folders, in microseconds. The server that starts first changes by round. */
async function measureBoth(
  kase: Case,
  generator: LoadGenerator,
  inOrder: boolean,
): Promise<[number, number]> {
  await using stack = new AsyncDisposableStack();
  const loads: (() => Promise<number>)[] = [];
  const order = inOrder ? folders : folders.toReversed();
  for (const folder of order) loads.push(stack.use(await start(folder, kase, generator)).measure);
  const costs = await Promise.all(loads.map((load) => load()));
  return (inOrder ? costs : costs.toReversed()) as [number, number];
}

/** Starts the server of `folder`. */
async function start(folder: string, kase: Case, generator: LoadGenerator) {
  const peers = (await import(join(folder, "bench/peers/parley.ts"))) as Record<string, Peer>;
  const peer = peers[peerName === "parley-redis" ? "parleyRedis" : "parley"]!;
  const store = await mkdtemp(join(folder, ".two-versions-"));
  const server = await peer.start({ members: kase.members, folder: store });
  const paths: string[] = [];
  for (let conversation = 0; conversation < kase.conversations; conversation++)
    for (let member = 0; member < kase.members; member++)
      paths.push(server.target(`user-${conversation}-${member}`, `room-${conversation}`));
  return {
    async measure() {
      const load = { ...kase.load, warmUp: WARM_UP_S, seconds: SECONDS, roomSize: kase.members, paths };
      const { port, pid } = server;
      const result = await generator.run({ ...load, port, pid, protocol: peer.protocol });
      const { serverBusy, seconds, answered } = result as TrafficResult;
      return (serverBusy * seconds * 1e6) / answered;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(store, { recursive: true });
    },
  };
}
