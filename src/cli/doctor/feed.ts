import type { FeedStanding } from "../../core/feed/standing.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";

/** The facts about the feed. */
export interface FeedFacts extends Pick<Settings, "retentionEventDays" | "retentionEventBytes"> {
  readonly feed: FeedStanding | { readonly error: string };
  /** Milliseconds since 1970. */
  readonly now: number;
}

const DAY_MS = 86_400_000;

/** Share of RETENTION_EVENT_BYTES from which events are, or soon will be, removed before RETENTION_EVENT_DAYS are over. */
const FULL_RATIO = 0.9;

/** Checks whether the feed can be read, and how far back it goes. */
export const FEED_CHECK = defineCheck({
  name: "feed",
  collect({ settings, data }): FeedFacts | string {
    const store = data.kind === "redis" ? data.redis : data.kind === "embedded" ? data.store : undefined;
    if (settings === undefined || store === undefined || "error" in store)
      return "There is no store that can be read.";
    const { retentionEventDays, retentionEventBytes } = settings;
    return { feed: store.feed, now: Date.now(), retentionEventDays, retentionEventBytes };
  },
  evaluate: evaluateFeed,
});

/** Evaluates the facts about the feed. */
export function evaluateFeed({ feed, now, retentionEventDays, retentionEventBytes }: FeedFacts): CheckResult {
  if ("error" in feed)
    return {
      findings: [
        {
          mark: "problem",
          text: `The feed cannot be read (${feed.error}): readers of GET /events and webhooks get nothing.`,
          advice:
            "Look for this error in the log of the server, and restore a backup if the store is damaged.",
        },
      ],
    };
  const { bytes, oldestAt } = feed;
  if (oldestAt === undefined) return { findings: [{ mark: "ok", text: "The feed has no events yet." }] };
  const age = Math.max(0, now - oldestAt);
  const since = new Date(oldestAt).toISOString();
  const findings: Finding[] = [];
  if (bytes >= FULL_RATIO * retentionEventBytes && age < retentionEventDays * DAY_MS)
    findings.push({
      mark: "warning",
      text: `The events of the feed take ${formatBytes(bytes)} of ${formatBytes(retentionEventBytes)}: the oldest one is from ${since}, and a reader that was away for longer gets \`events.lost\`.`,
      advice: "Raise RETENTION_EVENT_BYTES, or lower RETENTION_EVENT_DAYS to what your readers need.",
    });
  return {
    findings: findingsOr(
      findings,
      `The feed can be read: ${formatBytes(bytes)} of events, the oldest one from ${since}.`,
    ),
    values: { bytes, oldest_age_seconds: toSeconds(age) },
  };
}
