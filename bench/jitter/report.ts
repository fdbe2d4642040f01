import type { Machine } from "../machine.ts";
import { alignColumns, markdownTable, provenance, type Section } from "../report/report.ts";
import {
  DURATION_S,
  type JitterResult,
  MAX_CUT_AFTER_S,
  MESSAGES_PER_S,
  MIN_CUT_AFTER_S,
  RECEIVERS,
} from "./jitter.ts";
import { JITTER_PEERS } from "./peers.ts";

export const JITTER_TITLE = `Jitter: messages delivered to ${RECEIVERS} receivers, each cut every ${MIN_CUT_AFTER_S}–${MAX_CUT_AFTER_S} s for ${DURATION_S} s while one sends ${MESSAGES_PER_S}/s`;

const FIGURE_COLUMNS = ["delivered", "least – most", "lost", "doubled", "out of order", "reconnects"];

/** A line for each peer, over all rounds. */
export function jitterTable(results: readonly JitterResult[]): string[][] {
  const lines = JITTER_PEERS.map(({ name }) => {
    const mine = results.filter(({ peer }) => peer === name);
    const sum = (field: "expected" | "lost" | "doubled" | "outOfOrder" | "reconnects") =>
      mine.reduce((total, result) => total + result[field], 0);
    const shares = mine.map(({ expected, lost }) => share(expected, lost));
    const spread = `${percent(Math.min(...shares))} – ${percent(Math.max(...shares))}`;
    const counts = [sum("lost"), sum("doubled"), sum("outOfOrder"), sum("reconnects")];
    return [
      name,
      percent(share(sum("expected"), sum("lost"))),
      spread,
      ...counts.map((count) => count.toLocaleString("en-US")),
    ];
  });
  return alignColumns([["", ...FIGURE_COLUMNS], ...lines], 1, FIGURE_COLUMNS.length);
}

export function jitterSection(results: readonly JitterResult[], rounds: number, on: Machine): Section {
  const table = markdownTable(jitterTable(results), FIGURE_COLUMNS.length);
  return { title: JITTER_TITLE, body: `${provenance(rounds, on)}\n\n${table}` };
}

function share(expected: number, lost: number): number {
  return ((expected - lost) / expected) * 100;
}

/** Rounded down: one message lost is not 100.000 %. */
function percent(value: number): string {
  return `${(Math.floor(value * 1000) / 1000).toFixed(3)} %`;
}
