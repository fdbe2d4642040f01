// A folder keeps all messages where nothing is set, and Redis does not. So that no message is lost by a move, the target remembers what
// was to be kept when the store was moved there.
import { type RetentionLimits, retentionLimitsOf } from "../conversation/retention.ts";

/** RETENTION_MESSAGES and RETENTION_DAYS as an operator has set them; undefined where a default applies. */
export interface ChosenRetention {
  readonly retentionMessages?: number | undefined;
  readonly retentionDays?: number | undefined;
}

const NAMES = [
  ["messages", "retentionMessages", "RETENTION_MESSAGES"],
  ["days", "retentionDays", "RETENTION_DAYS"],
] as const;

/**
 * Returns why a server must not start on a store that was moved: it would remove messages that were carried, and only because a setting
 * is missing. Undefined where nothing is forgotten, also where an operator has set limits that keep less.
 */
export function explainForgottenRetention(
  carried: RetentionLimits,
  chosen: ChosenRetention,
  defaults: RetentionLimits,
): string | undefined {
  const forgotten = NAMES.filter(
    ([limit, setting]) => chosen[setting] === undefined && keepsLess(defaults[limit], carried[limit]),
  );
  if (forgotten.length === 0) return undefined;
  const settings = forgotten.map(([limit, , name]) => `${name}=${carried[limit]}`).join(" and ");
  return `This store was moved here with ${settings}, and without ${forgotten.length === 1 ? "that" : "them"} messages would be removed now: Redis keeps ${describeRetention(defaults)} where nothing else is set. Set ${settings} on every server (0: no limit), or what you want to keep.`;
}

/** Returns the settings with which servers keep what was moved, of those that differ from the defaults. */
export function retentionSettings(carried: RetentionLimits, defaults: RetentionLimits): string[] {
  return NAMES.filter(([limit]) => carried[limit] !== defaults[limit]).map(
    ([limit, , name]) => `${name}=${carried[limit]}`,
  );
}

/** The limits of a dry run, which counts all that no setting leaves out. */
export function retentionWithoutDefaults(chosen: ChosenRetention): RetentionLimits {
  return retentionLimitsOf(chosen, { messages: 0, days: 0 });
}

/** Returns limits in words: `10,000 messages of a conversation for 30 days`. Both MUST be set. */
export function describeRetention({ messages, days }: RetentionLimits): string {
  return `${messages.toLocaleString("en")} messages of a conversation for ${days} days`;
}

/** 0 is no limit. */
function keepsLess(limit: number, carried: number): boolean {
  return limit > 0 && (carried === 0 || limit < carried);
}
