import { describe, expect, test } from "bun:test";
import { CASES } from "../../bench/cases.ts";
import { PEERS } from "../../bench/peers/all.ts";
import { readPlan } from "../../bench/plan.ts";
import { peersOf } from "../../bench/report/rows.ts";

function planned(...words: string[]) {
  const { cases, peers, jitter, growth, rounds } = readPlan(words)!;
  return {
    cases: cases.map(({ name }): string => name),
    peers: peers.map(({ name }) => name),
    jitter,
    growth,
    rounds,
  };
}

const ALL = { cases: CASES.map(({ name }): string => name), peers: PEERS.map(({ name }) => name) };

describe("the bench's command line", () => {
  test("without arguments runs everything, three times", () => {
    expect(planned()).toEqual({ ...ALL, jitter: true, growth: true, rounds: 3 });
  });

  test("accepts names of cases and peers in any order", () => {
    const named = planned("parley", "rooms", "relay", "echo", "--rounds", "1");
    expect(named).toEqual({
      cases: ["echo", "rooms"],
      peers: ["relay", "parley"],
      jitter: false,
      growth: false,
      rounds: 1,
    });
    expect(planned("growth")).toEqual({ ...ALL, cases: [], jitter: false, growth: true, rounds: 3 });
  });

  test("runs Parley and the relay only when it should be quick, and skips the slow cases", () => {
    const quick = planned("--quick");
    expect(quick.peers).toEqual(["relay", "parley"]);
    expect(quick.cases).toEqual(["echo", "fan-out", "fan-out-1000", "rooms", "latency", "connect", "idle"]);
    expect([quick.jitter, quick.growth, quick.rounds]).toEqual([false, false, 1]);
    // The same measurements as the committed ones, only shorter.
    for (const kase of readPlan(["--quick"])!.cases) {
      const { load } = CASES.find(({ name }) => name === kase.name)!;
      expect({ ...kase.load, warmUp: 0, seconds: 0 }).toEqual({ ...load, warmUp: 0, seconds: 0 });
    }
  });

  test("refuses unknown arguments", () => {
    expect(() => readPlan(["ecco"])).toThrow("ecco is neither a case nor a peer");
    expect(() => readPlan(["--rounds", "0"])).toThrow("--rounds 0 is not a whole number");
  });

  test("names only existing peers in its cases", () => {
    for (const kase of CASES) if (kase.peers) expect(peersOf(kase, PEERS)).toHaveLength(kase.peers.length);
  });
});
