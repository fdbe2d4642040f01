import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { RecencyMap } from "../core/recency-map.ts";
import { Thinning, type ThinningPlace } from "../core/thinning.ts";
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

/** Only somebody with a good credential causes these: their `user` is one of this server's. */
const PROOFS: ReadonlySet<string> = new Set([
  "signin.succeeded",
  "signin.refused",
  "refresh.succeeded",
  "connection.opened",
]);

/**
 * Different lines of one event that are remembered at once: those of known users, and those of everybody else. Strangers
 * can invent as many names and addresses as they like, so they share no room with users, nor one event with another.
 */
const CAPACITY = { known: 1000, strangers: 100 };

/**
 * How many of these may be of one user, or of one address among strangers: who knows a user's name can fail to sign in
 * with it from many addresses.
 */
const OF_ONE = 10;

/** Users that are remembered as known. */
const KNOWN_USERS = 10_000;

/** Characters of a key; longer ones are hashed. */
const KEY_LENGTH = 200;

/** Characters of one field; what is longer came from outside and is cut. A fault's stack is Parley's own. */
const FIELD_LENGTH = 500;
const STACK_LENGTH = 8000;

/** In milliseconds. */
const WINDOW = 10_000;

const nothing = () => {};

/**
 * Wraps `log` so that what is repeated within ten seconds is written once, and once more at the end of that time
 * with `repeated: n` (P2), and `mixed: true` where these were different ones for which there was no room. For the lines
 * that somebody outside can cause at will: refusals, faults, failed sign-ins. A line with `known: true`, or with a user
 * who has shown a good credential, finds room beside any number of strangers. `level` is what `log` writes from: below
 * it there is nothing to thin.
 */
export function thinned(log: Log, clock: Clock, level: LogLevel): ThinnedLog {
  const thinning = new Thinning<Line>(WINDOW);
  const known = new RecencyMap<true>(KNOWN_USERS);
  const settle = (now: number) => {
    for (const { repeated, latest, mixed } of thinning.ended(now))
      log[latest.level](latest.event, { ...latest.fields, repeated, ...(mixed && { mixed }) });
  };
  const isKnown = (event: string, { user, known: said }: LogFields) => {
    if (typeof user !== "string" || user.length > KEY_LENGTH) return false;
    if (said === true || PROOFS.has(event)) known.set(user, true);
    return known.get(user) === true;
  };
  const stop = clock.every(1000, () => settle(clock.now()));
  const write = (at: keyof Log): Log[keyof Log] => {
    if (LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(level)) return nothing;
    return (event, given) => {
      const fields = given && cut(given);
      const now = clock.now();
      settle(now);
      const whose = fields !== undefined && isKnown(event, fields) ? "known" : "strangers";
      const place = placeOf(`${whose} ${at} ${event}`, whose, fields);
      if (thinning.offer(place, { level: at, event, fields }, now)) log[at](event, fields);
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

function placeOf(kind: string, whose: keyof typeof CAPACITY, fields: LogFields = {}): ThinningPlace {
  const one = whose === "known" ? fields.user : fields.address;
  return {
    key: `${kind} ${bounded(WHO.map((name) => fields[name] ?? null))}`,
    groups: [
      { name: `${kind} of ${bounded(one ?? null)}`, capacity: OF_ONE },
      { name: kind, capacity: CAPACITY[whose] },
    ],
  };
}

function bounded(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > KEY_LENGTH ? createHash("sha256").update(text).digest("base64") : text;
}

/** The same fields, with long texts cut: lines are kept until their window ends. */
function cut(fields: LogFields): LogFields {
  const isLong = ([name, value]: [string, unknown]) => typeof value === "string" && value.length > room(name);
  if (!Object.entries(fields).some(isLong)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) =>
      isLong([name, value])
        ? [name, `${(value as string).slice(0, room(name)).toWellFormed()}…`]
        : [name, value],
    ),
  );
}

function room(name: string): number {
  return name === "error" ? STACK_LENGTH : FIELD_LENGTH;
}
