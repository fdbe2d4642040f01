// The effect of a second core on one process: `bun bench/standalone/two-cores.ts`. Each case with the server on one
// core, and with both cores, of which it shares the second with the load generator; rounds alternate.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CASES, type Case } from "../cases.ts";
import { BOTH_CORES, SERVER_CORE } from "../cores.ts";
import { buildGenerator, type TrafficResult } from "../load-generator.ts";
import { measure } from "../measure.ts";
import { median } from "../median.ts";
import { parley } from "../peers/parley.ts";
import type { Peer } from "../peers/peer.ts";

const ROUNDS = 3;
const NAMES: readonly Case["name"][] = ["echo", "fan-out", "rooms"];

const folder = mkdtempSync(join(tmpdir(), "parley-cores-"));
try {
  const generator = await buildGenerator(folder);
  for (const kase of CASES.filter(({ name }) => NAMES.includes(name))) {
    const figures = new Map<string, { rate: number; busy: number; load: number }[]>();
    for (let round = 1; round <= ROUNDS; round++) {
      for (const cores of [SERVER_CORE, BOTH_CORES]) {
        const peer: Peer = { ...parley, start: (options) => parley.start({ ...options, cores }) };
        const { figure, result } = await measure({ case: kase, peer, round, generator, folder });
        const { serverBusy: busy, loadBusy: load } = result as TrafficResult;
        figures.set(cores, [...(figures.get(cores) ?? []), { rate: figure, busy, load }]);
      }
    }
    for (const [cores, runs] of figures) {
      const middle = (field: "rate" | "busy" | "load") => median(runs.map((run) => run[field]));
      const percent = (share: number) => `${Math.round(share * 100)} %`;
      console.log(
        `${kase.name}, server on ${cores === SERVER_CORE ? "one core" : "both"}: ${(middle("rate") / 1000).toFixed(1)} k/s; server ${percent(middle("busy"))}, load ${percent(middle("load"))} of a core`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
