import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Driver, type FromDriver } from "./driver.ts";
import { JITTER_PEERS, type JitterPeer } from "./peers.ts";
import { CuttingProxy } from "./proxy.ts";

export const RECEIVERS = 20;
/** Messages a second. */
export const RATE = 20;
export const SECONDS = 30;
/** A line is cut so many seconds after it was opened, at random between the two. */
export const CUT_LEAST = 2;
export const CUT_MOST = 5;

/**
 * How long receivers may take for what they lack when the lines are no longer cut, in milliseconds: longer than the
 * longest back-off of any peer (Parley's 30 s), as what comes late is not lost.
 */
const GRACE = 40_000;

/** Once every line that was cut is up again, nothing more comes when nothing has for so long, in milliseconds. */
const SILENCE = 3_000;

/** What the receivers of one peer were given in one run. */
export interface JitterResult {
  readonly peer: string;
  readonly round: number;
  /** Messages sent times receivers. */
  readonly expected: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  readonly cuts: number;
  readonly reconnects: number;
}

/** All peers at the same time, each behind a proxy that cuts by the same dice: what disturbs one disturbs all. */
export function runJitter(folder: string, round: number, seconds: number): Promise<JitterResult[]> {
  return Promise.all(JITTER_PEERS.map((peer) => runPeer(peer, folder, round, seconds)));
}

async function runPeer(
  peer: JitterPeer,
  parent: string,
  round: number,
  seconds: number,
): Promise<JitterResult> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `${peer.name}-`));
  try {
    await using server = await peer.start({ folder });
    const dice = random(round);
    let cutting = true;
    let cuts = 0;
    using proxy = await CuttingProxy.start(server.port, (line) => {
      const wait = CUT_LEAST + dice() * (CUT_MOST - CUT_LEAST);
      setTimeout(() => cutting && proxy.cut(line) && cuts++, wait * 1000);
    });
    const heard: number[][] = Array.from({ length: RECEIVERS }, () => []);
    const ups = new Map<number, number>();
    const fault = Promise.withResolvers<never>();
    let lastTold = 0;
    const told = (message: FromDriver) => {
      lastTold = performance.now();
      if ("up" in message) ups.set(message.up, (ups.get(message.up) ?? 0) + 1);
      else heard[message.heard]!.push(Number(message.text));
    };
    let sent = 0;
    const work = async () => {
      await until(() => ups.size === RECEIVERS + 1, 10_000);
      if (ups.size <= RECEIVERS) throw new Error(`${peer.name}: only ${ups.size} connections came up`);
      const start = performance.now();
      while (sent < RATE * seconds) {
        await Bun.sleep(Math.max(0, start + (sent * 1000) / RATE - performance.now()));
        driver.send(String(++sent));
      }
      cutting = false;
      // A line that was cut before it was up is told of once for both cuts: then the grace is waited for.
      const allUp = () => [...ups.values()].reduce((sum, times) => sum + times, 0) >= RECEIVERS + 1 + cuts;
      const silent = () => allUp() && performance.now() - lastTold > SILENCE;
      await until(() => silent() || heard.every((numbers) => new Set(numbers).size === sent), GRACE);
      // What comes twice may come late.
      await Bun.sleep(1000);
    };
    await using driver = new Driver(
      peer.clients,
      {
        sender: `http://127.0.0.1:${server.port}`,
        receivers: `http://127.0.0.1:${proxy.port}`,
        count: RECEIVERS,
        tokens: Array.from({ length: RECEIVERS + 1 }, (_, user) =>
          tokenIn(server.target(`user-${user}`, "room")),
        ),
      },
      told,
      (code) => fault.reject(new Error(`${peer.name}: its clients ended with code ${code}`)),
    );
    await Promise.race([work(), fault.promise]);
    fault.promise.catch(() => {});
    const reconnects = [...ups.values()].reduce((sum, times) => sum + times - 1, 0);
    return { peer: peer.name, round, expected: sent * RECEIVERS, ...check(heard, sent), cuts, reconnects };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Compares what each receiver was given, in the order in which it was, with 1, 2, 3 … `sent`. */
export function check(heard: readonly (readonly number[])[], sent: number) {
  let [lost, doubled, outOfOrder] = [0, 0, 0];
  for (const numbers of heard) {
    const seen = new Set<number>();
    let highest = 0;
    for (const number of numbers) {
      if (seen.has(number)) doubled++;
      else if (number < highest) outOfOrder++;
      seen.add(number);
      highest = Math.max(highest, number);
    }
    lost += sent - seen.size;
  }
  return { lost, doubled, outOfOrder };
}

function tokenIn(target: string): string {
  return new URL(target, "http://127.0.0.1").searchParams.get("token") ?? "";
}

async function until(holds: () => boolean, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!holds() && performance.now() < end) await Bun.sleep(50);
}

/** Mulberry32: the same numbers from the same seed, from 0 up to 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
