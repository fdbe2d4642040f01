import { CASES, type CaseName } from "../../../bench/cases.ts";
import type { LoadResult, TrafficResult } from "../../../bench/load-generator.ts";
import type { Machine } from "../../../bench/machine.ts";
import type { Measurement } from "../../../bench/measure.ts";
import type { Peer } from "../../../bench/peers/peer.ts";

export const MACHINE: Machine = {
  date: "2026-01-02 03:04",
  commit: "abc1234",
  processor: "a processor",
  cores: 2,
  memoryGiB: 24,
  kernel: "Linux 6",
  bun: "1",
  go: "go1",
};

export const caseOf = (name: CaseName) => CASES.find((kase) => kase.name === name)!;

export function peer(name: string): Peer {
  const start = () => Promise.reject(new Error("never started"));
  return { name, does: `what ${name} does`, protocol: "none", start };
}

/** Four quiet seconds in which the server was busy and all came once. */
export function traffic(changed: Partial<TrafficResult> = {}): TrafficResult {
  return {
    seconds: 4,
    answered: 4000,
    delivered: 4000,
    frames: 4000,
    bytes: 400_000,
    loadBusy: 0.5,
    serverBusy: 1,
    storeBusy: 0,
    othersBusy: 0,
    sent: 4000,
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    ...changed,
  };
}

export function run(caseName: CaseName, peer: string, round: number, result: LoadResult): Measurement {
  return { caseName, peer, round, figure: caseOf(caseName).figure(result), result };
}
