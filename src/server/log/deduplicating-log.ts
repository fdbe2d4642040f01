import { createHash } from "node:crypto";
import { LruMap } from "../../core/collections/lru-map.ts";
import type { EventName } from "../../core/events/events.ts";
import type { FieldName } from "../../core/events/fields.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { LOG_LEVELS, type LogLevel } from "./levels.ts";
import type { Log, LogFields } from "./log.ts";
import { RepeatFilter, type RepeatKey } from "./repeat-filter.ts";

/** A log in which repeats are held back and counted. `close` writes the counts that are still held. */
export interface DeduplicatingLog extends Log {
  close(): void;
}

interface LogLine {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

/** Two lines with the same event and the same values of these fields count as a repeat. */
const KEY_FIELDS = ["user", "address", "close_code", "code"] as const satisfies readonly FieldName[];

/** Only a client with a valid credential causes these events, so their `user` is a user of this server. */
const PROOF_EVENTS: ReadonlySet<string> = new Set<EventName>([
  "signin.succeeded",
  "signin.refused",
  "refresh.succeeded",
  "connection.opened",
]);

/**
 * How many different lines of one event are remembered at once, for known users and for all others. Strangers can invent
 * any number of names and addresses, so they share no capacity with users, and no event shares capacity with another.
 */
const MAX_REPORTS = { known: 1000, strangers: 100 };

/**
 * How many of these may belong to one user, or to one address among strangers: an attacker that knows a user's name can
 * fail to sign in with it from many addresses.
 */
const MAX_PER_SOURCE = 10;

/** Number of users that are remembered as known. */
const MAX_KNOWN_USERS = 10_000;

/** Longest key, in characters; longer ones are hashed. */
const MAX_KEY_LENGTH = 200;

/** Longest field, in characters. Longer texts come from outside and are cut; the stack of an error is Parley's own. */
const MAX_FIELD_LENGTH = 500;
const MAX_STACK_LENGTH = 8000;

/** In milliseconds. */
const WINDOW_MS = 10_000;

const nothing = () => {};

/**
 * Wraps `log` so that a line that repeats within ten seconds is written once, and once more at the end of that time
 * with `repeated: n` (SEC-P2), and with `mixed: true` if different lines were counted together for lack of capacity. It is
 * for lines that a client can cause at will: refusals, errors, failed sign-ins. A line with `known: true`, or of a user
 * with a valid credential, is not displaced by any number of strangers. `level` is the lowest level that `log` writes:
 * lines below it are dropped at once.
 */
export function deduplicated(log: Log, clock: Clock, level: LogLevel): DeduplicatingLog {
  const thinning = new RepeatFilter<LogLine>(WINDOW_MS);
  const known = new LruMap<true>(MAX_KNOWN_USERS);
  const settle = (now: number) => {
    for (const { repeated, latest, mixed } of thinning.takeEnded(now))
      log[latest.level](latest.event, { ...latest.fields, repeated, ...(mixed && { mixed }) });
  };
  const isKnownUser = (event: string, { user, known: isProven }: LogFields) => {
    if (typeof user !== "string" || user.length > MAX_KEY_LENGTH) return false;
    if (isProven === true || PROOF_EVENTS.has(event)) known.set(user, true);
    return known.get(user) === true;
  };
  const stop = clock.every(1000, () => settle(clock.now()));
  const write = (at: keyof Log): Log[keyof Log] => {
    if (LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(level)) return nothing;
    return (event, given) => {
      const fields = given && truncate(given);
      const now = clock.now();
      settle(now);
      const whose = fields !== undefined && isKnownUser(event, fields) ? "known" : "strangers";
      const place = repeatKey(`${whose} ${at} ${event}`, whose, fields);
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

function repeatKey(kind: string, whose: keyof typeof MAX_REPORTS, fields: LogFields = {}): RepeatKey {
  const source = whose === "known" ? fields.user : fields.address;
  return {
    key: `${kind} ${bounded(KEY_FIELDS.map((name) => fields[name] ?? null))}`,
    groups: [
      { name: `${kind} of ${bounded(source ?? null)}`, capacity: MAX_PER_SOURCE },
      { name: kind, capacity: MAX_REPORTS[whose] },
    ],
  };
}

function bounded(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_KEY_LENGTH ? createHash("sha256").update(text).digest("base64") : text;
}

/** The same fields, with long texts cut: lines are kept until their window ends. */
function truncate(fields: LogFields): LogFields {
  const isLong = ([name, value]: [string, unknown]) =>
    typeof value === "string" && value.length > maxLength(name);
  if (!Object.entries(fields).some(isLong)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) =>
      isLong([name, value])
        ? [name, `${(value as string).slice(0, maxLength(name)).toWellFormed()}…`]
        : [name, value],
    ),
  );
}

function maxLength(name: string): number {
  return name === "error" ? MAX_STACK_LENGTH : MAX_FIELD_LENGTH;
}
