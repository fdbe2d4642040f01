import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Driver, type DriverEvent } from "./driver.ts";
import { JITTER_PEERS, type JitterPeer } from "./peers.ts";
import { CuttingProxy } from "./proxy.ts";

export const RECEIVERS = 20;
/** Messages a second. */
export const MESSAGES_PER_S = 20;
export const DURATION_S = 30;
/** A connection is cut this many seconds after it was opened, at random between the two. */
export const MIN_CUT_AFTER_S = 2;
export const MAX_CUT_AFTER_S = 5;

/**
 * How long receivers may take for what they lack when the lines are no longer cut, in milliseconds: longer than the
 * longest back-off of any peer (Parley's 30 s), as what comes late is not lost.
 */
const RECOVERY_TIMEOUT_MS = 40_000;

/** Once every cut connection is open again, the run ends when nothing has come for this long, in milliseconds. */
const SILENCE_MS = 3_000;

/** The messages that the receivers of one peer got in one run. */
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

/**
 * All peers at the same time, each behind a proxy that cuts with the same random numbers: a disturbance affects all.
 */
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
    const nextRandom = random(round);
    let cutting = true;
    let cuts = 0;
    using proxy = await CuttingProxy.start(server.port, (line) => {
      const wait = MIN_CUT_AFTER_S + nextRandom() * (MAX_CUT_AFTER_S - MIN_CUT_AFTER_S);
      setTimeout(() => cutting && proxy.cut(line) && cuts++, wait * 1000);
    });
    const received: number[][] = Array.from({ length: RECEIVERS }, () => []);
    const connects = new Map<number, number>();
    const failed = Promise.withResolvers<never>();
    let lastEventAt = 0;
    const onEvent = (message: DriverEvent) => {
      lastEventAt = performance.now();
      if ("up" in message) connects.set(message.up, (connects.get(message.up) ?? 0) + 1);
      else received[message.received]!.push(Number(message.text));
    };
    let sent = 0;
    const work = async () => {
      await waitUntil(() => connects.size === RECEIVERS + 1, 10_000);
      if (connects.size <= RECEIVERS)
        throw new Error(`${peer.name}: only ${connects.size} connections came up`);
      const start = performance.now();
      while (sent < MESSAGES_PER_S * seconds) {
        await Bun.sleep(Math.max(0, start + (sent * 1000) / MESSAGES_PER_S - performance.now()));
        driver.send(String(++sent));
      }
      cutting = false;
      // A connection that was cut before it was open is reported once for both cuts: then the grace is waited for.
      const allConnected = () =>
        [...connects.values()].reduce((sum, times) => sum + times, 0) >= RECEIVERS + 1 + cuts;
      const silent = () => allConnected() && performance.now() - lastEventAt > SILENCE_MS;
      await waitUntil(
        () => silent() || received.every((numbers) => new Set(numbers).size === sent),
        RECOVERY_TIMEOUT_MS,
      );
      // Repeats may come late.
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
      onEvent,
      (code) => failed.reject(new Error(`${peer.name}: its clients ended with code ${code}`)),
    );
    await Promise.race([work(), failed.promise]);
    failed.promise.catch(() => {});
    const reconnects = [...connects.values()].reduce((sum, times) => sum + times - 1, 0);
    return {
      peer: peer.name,
      round,
      expected: sent * RECEIVERS,
      ...countDeviations(received, sent),
      cuts,
      reconnects,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Compares the messages of each receiver, in their order, with 1, 2, 3 … `sent`. */
export function countDeviations(received: readonly (readonly number[])[], sent: number) {
  let [lost, doubled, outOfOrder] = [0, 0, 0];
  for (const numbers of received) {
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

async function waitUntil(holds: () => boolean, milliseconds: number): Promise<void> {
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
