import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";

/** How far other clocks are ahead of this machine's, in milliseconds. */
export interface TimeFacts {
  readonly redis: number | undefined;
  readonly server: number | undefined;
  /** The newest entry in the embedded store; positive if this machine's clock was set back. */
  readonly stored: number | undefined;
  /** How far the clock of an application that signs tokens may be off, in seconds. */
  readonly leeway: number;
}

/** Largest acceptable difference, in milliseconds; clocks are compared within half a second. */
export const MAX_CLOCK_SKEW_MS = 2_000;

/** Compares this machine's clock with those of Redis, the store and a running server. */
export const TIME_CHECK = defineCheck({
  name: "time",
  collect({ settings, health, data }): TimeFacts | string {
    const server = health !== undefined && "alive" in health ? health.aheadMs : undefined;
    const redis = data.kind === "redis" && "ahead" in data.redis ? data.redis.ahead : undefined;
    const newest = data.kind === "embedded" && data.store && "newestAt" in data.store && data.store.newestAt;
    const stored = newest ? newest - Date.now() : undefined;
    if (server === undefined && redis === undefined && stored === undefined)
      return "There is no other clock to compare with: no store, no Redis, and no server that responds.";
    return { redis, server, stored, leeway: settings?.tokenLeeway ?? DEFAULT_LEEWAY_S };
  },
  evaluate: evaluateTime,
});

/** TOKEN_LEEWAY if the settings cannot be read, in seconds. */
const DEFAULT_LEEWAY_S = 30;

/** Evaluates the differences between clocks. */
export function evaluateTime({ redis, server, stored, leeway }: TimeFacts): CheckResult {
  const findings: Finding[] = [];
  const clocks: [string, number | undefined][] = [
    ["Redis", redis],
    ["the server", server],
  ];
  for (const [owner, ahead] of clocks) {
    if (ahead === undefined || Math.abs(ahead) <= MAX_CLOCK_SKEW_MS) continue;
    const isMuch = Math.abs(ahead) > leeway * 1000;
    findings.push({
      mark: isMuch ? "problem" : "warning",
      text: `The clock of ${owner} is ${formatSkew(ahead)} this machine's${isMuch ? ": tokens signed on one are rejected on the other, or expire early" : ""}.`,
      advice: "Synchronize all machines with a time server (NTP).",
    });
  }
  if (stored !== undefined && stored > MAX_CLOCK_SKEW_MS)
    findings.push({
      mark: "warning",
      text: `The newest entry of the store is ${formatSkew(stored)} this machine's clock, which was set back: the store uses its own time until the clock catches up.`,
      advice: "Synchronize the machine with a time server (NTP).",
    });
  const compared = clocks.filter(([, ahead]) => ahead !== undefined).map(([owner]) => owner);
  if (stored !== undefined) compared.push("the store");
  const offsets = clocks.flatMap(([, ahead]) => (ahead === undefined ? [] : [Math.abs(ahead)]));
  return {
    findings: findingsOr(findings, `The clock agrees with ${compared.join(" and ")}.`),
    ...(offsets.length > 0 && { values: { offset_seconds: toSeconds(Math.max(...offsets)) } }),
  };
}

function formatSkew(ahead: number): string {
  return `${(Math.abs(ahead) / 1000).toFixed(1)} s ${ahead > 0 ? "ahead of" : "behind"}`;
}
