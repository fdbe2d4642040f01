import { expect, test } from "bun:test";
import { evaluateFeed, type FeedFacts } from "../../../src/cli/doctor/feed.ts";
import { evaluateWebhooks, type WebhookFacts } from "../../../src/cli/doctor/webhooks.ts";
import { describeEvaluation } from "./describe-evaluation.ts";

const LOOKED_AT = 1_000_000_000;
const HOOK = {
  id: "crm",
  status: { state: "active" },
  waitingSince: LOOKED_AT - 1_000,
  failure: "status 500",
  isFailing: true,
} as const;

const DAY_MS = 86_400_000;

describeEvaluation<FeedFacts>(
  "EV4 the feed",
  { feed: { bytes: 900, oldestAt: 0 }, now: 7 * DAY_MS, retentionEventDays: 7, retentionEventBytes: 1_000 },
  evaluateFeed,
  [
    ["ok", "", { feed: { bytes: 0, oldestAt: undefined } }],
    ["ok", "", { feed: { bytes: 899, oldestAt: DAY_MS } }],
    [
      "warning",
      "the oldest one is from 1970-01-02T00:00:00.000Z, and a reader that was away for longer gets `events.lost`",
      { feed: { bytes: 900, oldestAt: DAY_MS } },
    ],
    ["problem", "The feed cannot be read (WRONGTYPE)", { feed: { error: "WRONGTYPE" } }],
  ],
);

describeEvaluation<WebhookFacts>("webhooks", { webhooks: [HOOK], now: LOOKED_AT }, evaluateWebhooks, [
  ["ok", "", { webhooks: [] }],
  ["ok", "", { webhooks: [{ ...HOOK, waitingSince: undefined }] }],
  [
    "warning",
    "crm is behind: its oldest event waits since 1970-01-12T13:36:40.000Z (status 500)",
    {
      webhooks: [{ ...HOOK, waitingSince: LOOKED_AT - 600_000 }],
    },
  ],
  [
    "warning",
    "crm is paused.",
    { webhooks: [{ ...HOOK, status: { state: "paused", reason: "operator", at: 1 } }] },
  ],
  [
    "problem",
    "did not accept an event for three days (status 500)",
    {
      webhooks: [{ ...HOOK, status: { state: "paused", reason: "failing", at: 1 } }],
    },
  ],
  ["warning", "answered 410", { webhooks: [{ ...HOOK, status: { state: "ended", at: 1 } }] }],
]);

test("webhooks that are not late are counted, with those that fail at the moment", () => {
  const said = (...webhooks: WebhookFacts["webhooks"]) =>
    evaluateWebhooks({ webhooks, now: LOOKED_AT }).findings.map(({ text }) => text);
  const done = { ...HOOK, waitingSince: undefined, isFailing: false };
  expect(said(done)).toEqual(["1 webhook; no event is known to wait."]);
  expect(said({ ...HOOK, isFailing: false })).toEqual(["1 webhook; no event has waited for 10 minutes."]);
  expect(said(HOOK, { ...done, id: "mail" })).toEqual([
    "2 webhooks; no event has waited for 10 minutes; 1 failing (crm: status 500).",
  ]);
});
