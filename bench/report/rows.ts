import type { Case } from "../cases.ts";
import type { Measurement } from "../measure.ts";
import { median } from "../median.ts";
import type { Peer } from "../peers/peer.ts";
import { noteOn } from "./notes.ts";

/** The row that all others are divided by. */
const CONTROL_PEER = "relay";

/** One peer in one case, over all rounds. */
export interface Row {
  readonly case: Case;
  readonly peer: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Median of the rounds' ratios to the control of the same round; undefined without one. */
  readonly ratio: number | undefined;
  /** CPU time of the server for one unit of the figure, in µs; undefined where the figure is not a rate of messages. */
  readonly cost: number | undefined;
  /** Remarks: deviations in delivery, and whether the server was the limit. */
  readonly remark: string;
}

/**
 * Puts the runs together, cases and peers in the order they were first run. `control` is what the load reached with the
 * relay's echoes in the same minutes.
 */
export function rowsOf(
  cases: readonly Case[],
  peers: readonly Peer[],
  runs: readonly Measurement[],
  control: number,
): Row[] {
  return cases.flatMap((kase) =>
    peersOf(kase, peers).map((peer) => {
      const mine = runs.filter((run) => run.caseName === kase.name && run.peer === peer.name);
      const figures = mine.map((run) => run.figure);
      return {
        case: kase,
        peer: peer.name,
        median: median(figures),
        least: Math.min(...figures),
        most: Math.max(...figures),
        ratio: ratioToControl(mine, runs),
        cost: costOf(kase, mine),
        remark: noteOn(
          kase,
          mine.map(({ result }) => result),
          control,
        ),
      };
    }),
  );
}

/** Those of the peers that can do a case. */
export function peersOf(kase: Case, peers: readonly Peer[]): readonly Peer[] {
  return peers.filter(({ name }) => kase.peers?.includes(name) ?? true);
}

// A ratio within one round, not of two medians: other work of the machine slowed both.
function ratioToControl(mine: readonly Measurement[], all: readonly Measurement[]): number | undefined {
  const ratios = mine.flatMap((run) => {
    const control = all.find(
      ({ caseName, peer, round }) =>
        caseName === run.caseName && peer === CONTROL_PEER && round === run.round,
    );
    return control === undefined ? [] : [run.figure / control.figure];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

// Unlike a rate it hardly moves when something else uses the machine.
function costOf(kase: Case, runs: readonly Measurement[]): number | undefined {
  if (kase.unit !== "/s" || kase.accounts === true) return undefined;
  const costs = runs.flatMap(({ figure, result }) =>
    "delivered" in result ? [(result.serverBusy / figure) * 1e6] : [],
  );
  return costs.length === 0 ? undefined : median(costs);
}
