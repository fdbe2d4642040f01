import type { Machine } from "../machine.ts";
import { aligned, markdownTable, origin, type Section } from "../report.ts";
import { CUT_LEAST, CUT_MOST, type JitterResult, RATE, RECEIVERS, SECONDS } from "./jitter.ts";
import { JITTER_PEERS } from "./peers.ts";

export const JITTER_TITLE = `Jitter: messages delivered to ${RECEIVERS} receivers, each cut every ${CUT_LEAST}–${CUT_MOST} s for ${SECONDS} s while one sends ${RATE}/s`;

const FIGURES = ["delivered", "least – most", "lost", "doubled", "out of order", "reconnects"];

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
  return aligned([["", ...FIGURES], ...lines], 1, FIGURES.length);
}

export function jitterSection(results: readonly JitterResult[], rounds: number, on: Machine): Section {
  const table = markdownTable(jitterTable(results), FIGURES.length);
  return { title: JITTER_TITLE, body: `${origin(rounds, on)}\n\n${table}` };
}

function share(expected: number, lost: number): number {
  return ((expected - lost) / expected) * 100;
}

/** Rounded down: one message lost is not 100.000 %. */
function percent(value: number): string {
  return `${(Math.floor(value * 1000) / 1000).toFixed(3)} %`;
}
