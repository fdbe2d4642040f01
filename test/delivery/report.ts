import type { Violation } from "./check/violation.ts";
import type { RunResult } from "./run.ts";

/** Violations that are shown; a broken promise tends to be broken many times. */
const MAX_SHOWN = 20;

/** Whether every promise was kept; false when no message was delivered. */
export function isPassed({ verdict }: RunResult): boolean {
  const { violations, delivered, expected } = verdict;
  return violations.length === 0 && delivered === expected && expected > 0;
}

/** A run in one line of figures, and a line for each of the first violations. */
export function reportLines(result: RunResult): string[] {
  const { options, verdict, cuts } = result;
  const cutCount = Object.values(cuts).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(cuts).map(([kind, count]) => `${kind} ${count}`);
  const figures = [
    `delivered ${percent(verdict.delivered, verdict.expected)} (${verdict.delivered} of ${verdict.expected})`,
    `duplicates ${verdict.duplicates}`,
    `holes ${verdict.holes}`,
    `order violations ${verdict.orderViolations}`,
    `lost acks ${verdict.lostAcks}`,
    ...(options.nodes === undefined ? [] : [`lost by Redis and reported ${verdict.lostWithStore}`]),
    `unread recounted ${verdict.recounted}`,
    `other violations ${otherViolations(verdict.violations)}`,
  ];
  const conditions = [
    ...(options.nodes === undefined
      ? []
      : [
          `${options.nodes.count} nodes`,
          options.nodes.fault + (result.strikes > 0 ? ` ${result.strikes} times` : ""),
        ]),
    `${options.clients} clients`,
    `${result.messages} messages`,
    `${result.repeats} sent again`,
    `${result.reconnects} reconnects`,
    `${cutCount} cuts (${kinds.join(", ")})`,
    `${result.kills} kills`,
    `${result.drains} drains`,
    `${result.sanctions} bans, removals and mutes`,
    `${options.seconds} s`,
  ];
  const { violations } = verdict;
  const shown = violations.slice(0, MAX_SHOWN).map(({ kind, text }) => `  ${kind}: ${text}`);
  if (violations.length > MAX_SHOWN) shown.push(`  … and ${violations.length - MAX_SHOWN} more`);
  return [`seed ${options.seed}: ${figures.join(", ")}; ${conditions.join(", ")}`, ...shown];
}

function otherViolations(violations: readonly Violation[]): number {
  const counted: readonly Violation["kind"][] = ["duplicate", "hole", "order", "ack_ahead", "lost_ack"];
  return violations.filter(({ kind }) => !counted.includes(kind)).length;
}

/** Rounded down: only a complete share is shown as 100.000 %. */
function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : part / whole;
  return `${(Math.floor(share * 100_000) / 1000).toFixed(3)} %`;
}
