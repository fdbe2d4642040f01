import type { Clock } from "../core/clock.ts";
import { Thinning } from "../core/thinning.ts";
import type { Log, LogFields } from "./log.ts";
import { LOG_LEVELS, type LogLevel } from "./log-levels.ts";

/** A log in which repeats are held back and counted. `close` writes the counts that are still held. */
export interface ThinnedLog extends Log {
  close(): void;
}

interface Line {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

/** Two lines with the same event and the same values here are one thing that repeats. */
const WHO = ["user", "address", "code"] as const;

/** Different lines remembered at once; at some 200 bytes each this is a few hundred KiB. */
const CAPACITY = 1000;

/** In milliseconds. */
const WINDOW = 10_000;

const nothing = () => {};

/**
 * Wraps `log` so that what is repeated within ten seconds is written once, and once more at the end of that time
 * with `repeated: n` (P2). For the lines that somebody outside can cause at will: refusals, faults, failed sign-ins.
 * `level` is what `log` writes from: below it there is nothing to thin.
 */
export function thinned(log: Log, clock: Clock, level: LogLevel): ThinnedLog {
  const thinning = new Thinning<Line>(WINDOW, CAPACITY);
  const settle = (now: number) => {
    for (const { repeated, latest } of thinning.ended(now))
      log[latest.level](latest.event, { ...latest.fields, repeated });
  };
  const stop = clock.every(1000, () => settle(clock.now()));
  const write = (at: keyof Log): Log[keyof Log] => {
    if (LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(level)) return nothing;
    return (event, fields) => {
      const now = clock.now();
      settle(now);
      const kind = `${at} ${event}`;
      const key = JSON.stringify([kind, ...WHO.map((name) => fields?.[name] ?? null)]);
      if (thinning.offer(key, kind, { level: at, event, fields }, now)) log[at](event, fields);
    };
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    close() {
      stop();
      settle(Number.POSITIVE_INFINITY);
    },
  };
}
