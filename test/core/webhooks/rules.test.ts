import { expect, test } from "bun:test";
import {
  judgeAttempt,
  MAX_ATTEMPTS,
  MAX_RETRY_MS,
  nextRetry,
  RETRY_DELAYS_MS,
} from "../../../src/core/webhooks/attempt.ts";
import { explainEndpoint } from "../../../src/core/webhooks/endpoint.ts";
import {
  editWebhook,
  explainReplayAfter,
  explainReplaySince,
  pauseWebhook,
  replayWebhook,
  resumeWebhook,
  rotateSecret,
} from "../../../src/core/webhooks/operate.ts";
import { type Retry, type StoredWebhook, signingSecrets } from "../../../src/core/webhooks/webhook.ts";

const WALL = Date.UTC(2030, 0, 1);

test("EV2 an answer means what Standard Webhooks says", () => {
  const table: [Parameters<typeof judgeAttempt>[0], object][] = [
    [{ status: 200 }, { kind: "accepted" }],
    [{ status: 299 }, { kind: "accepted" }],
    [{ status: 410 }, { kind: "gone" }],
    [{ status: 307 }, { kind: "failed", reason: "status 307: redirects are not followed" }],
    [{ status: 404 }, { kind: "failed" }],
    [{ status: 500 }, { kind: "failed" }],
    [{ status: 500, retryAfter: "9" }, { kind: "failed" }],
    [{ status: 503 }, { kind: "failed" }],
    [{ error: "no answer within 15 s" }, { kind: "failed", reason: "no answer within 15 s" }],
    [{ status: 429 }, { kind: "throttled", pause: 5_000 }],
    [
      { status: 503, retryAfter: "30" },
      { kind: "throttled", pause: 30_000 },
    ],
    [
      { status: 429, retryAfter: "0" },
      { kind: "throttled", pause: 1_000 },
    ],
    [
      { status: 429, retryAfter: "999999999" },
      { kind: "throttled", pause: 86_400_000 },
    ],
    [
      { status: 429, retryAfter: "soon" },
      { kind: "throttled", pause: 5_000 },
    ],
    [
      { status: 503, retryAfter: "Tue, 01 Jan 2030 00:01:00 GMT" },
      { kind: "throttled", pause: 60_000 },
    ],
  ];
  for (const [result, verdict] of table) expect(judgeAttempt(result, WALL)).toMatchObject(verdict);
});

test("EV2 an event is tried by the schedule, ten times, and not for ever by a receiver that asks for pauses", () => {
  const failed = { kind: "failed", reason: "status 500" } as const;
  let retry: Retry | undefined;
  const delays: number[] = [];
  let now = 0;
  for (let attempt = 1; ; attempt++) {
    const next = nextRetry("e1", retry, failed, now, 0);
    if (next === undefined) {
      expect(attempt).toBe(MAX_ATTEMPTS);
      break;
    }
    delays.push((next.nextAt - now) / 1000);
    retry = next;
    now = next.nextAt;
  }
  expect(delays).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
  expect(now).toBe(MAX_RETRY_MS);
  expect(nextRetry("e1", undefined, failed, 0, 1)!.nextAt).toBe(5_500);
  expect(RETRY_DELAYS_MS).toHaveLength(9);

  const throttled = { kind: "throttled", reason: "status 429", pause: 3_600_000 } as const;
  retry = undefined;
  now = 0;
  for (let tries = 0; tries < 75; tries++) {
    retry = nextRetry("e1", retry, throttled, now, 0)!;
    now = retry.nextAt;
  }
  expect(retry).toMatchObject({ attempts: 0, since: 0, throttled: true });
  expect(nextRetry("e1", retry, throttled, now, 0)).toBeUndefined();
});

test("EV2 an endpoint is an https URL; http, where private addresses are allowed", () => {
  const https = { allowPrivate: false };
  const open = { allowPrivate: true };
  for (const url of ["https://hooks.example/x?y=1", "https://hooks.example:8443", "https://[2001:db8::1]/"])
    expect(explainEndpoint(url, https)).toBeUndefined();
  expect(explainEndpoint("http://hooks.internal:3000/", open)).toBeUndefined();
  for (const url of [
    "http://hooks.example/",
    "ftp://hooks.example/",
    "hooks.example",
    "https://",
    "https://user:word@hooks.example/",
    "https://hooks.example/#part",
    "https://hooks.example:22/",
    " https://hooks.example/",
    "https://hooks.example/\n",
    "https://hooks.exa\tmple/",
    "https://hooks.example/\u202e",
    `https://hooks.example/${"x".repeat(2_000)}`,
  ])
    expect([url, explainEndpoint(url, https)]).not.toEqual([url, undefined]);
});

const STORED: StoredWebhook = {
  id: "crm",
  url: "https://hooks.example/",
  types: ["message.created"],
  secrets: [{ secret: "whsec_one" }],
  createdAt: 1,
  status: { state: "active" },
  revision: 4,
  progress: {
    course: 2,
    position: "p7",
    retries: [{ event: "e8", attempts: 10, since: 5, nextAt: 9 }],
    waitingSince: 5,
    lastFailure: { at: 6, event: "e8", reason: "status 500" },
  },
};

test("EV2 what an operator does gives the next state, and nothing where it is so already", () => {
  const paused = pauseWebhook(STORED, 10)!;
  expect(paused).toEqual({
    webhook: {
      ...{ id: "crm", url: STORED.url, types: ["message.created"], secrets: STORED.secrets, createdAt: 1 },
      status: { state: "paused", reason: "operator", at: 10 },
      revision: 5,
    },
  });
  expect(pauseWebhook({ ...STORED, ...paused.webhook }, 11)).toBeUndefined();
  // Also an active one: its receiver was repaired, and the schedule goes up to a day.
  const due = [{ event: "e8", attempts: 0, since: 12, nextAt: 12 }];
  const idle = { ...STORED, progress: { ...STORED.progress, retries: [] } };
  expect(resumeWebhook(idle, 12)).toBeUndefined();
  expect(resumeWebhook(STORED, 12)).toEqual({
    webhook: { ...pauseWebhook(STORED, 10)!.webhook, status: { state: "active" } },
    progress: { ...STORED.progress, course: 3, retries: due },
  });
  for (const status of [paused.webhook.status, { state: "ended", at: 3 } as const])
    expect(resumeWebhook({ ...STORED, status }, 12)).toMatchObject({
      webhook: { status: { state: "active" } },
      progress: { course: 3, position: "p7", retries: due },
    });
  expect(replayWebhook(STORED, { after: "p2" }).progress).toEqual({
    course: 3,
    position: "p2",
    retries: [],
    lastFailure: STORED.progress.lastFailure!,
  });
  expect(replayWebhook(STORED, { since: 77 }).progress).toMatchObject({ position: "0", since: 77 });
  // Later, it would drop the events until then.
  expect([0, 77, 78].map((since) => explainReplaySince(since, 77))).toEqual([
    undefined,
    undefined,
    "must not be later than now",
  ]);

  const { secrets } = rotateSecret(STORED, "whsec_two", 60, 1_000).webhook;
  expect(signingSecrets(secrets, 60_999)).toEqual(["whsec_two", "whsec_one"]);
  expect(signingSecrets(secrets, 61_000)).toEqual(["whsec_two"]);
  expect(rotateSecret({ ...STORED, secrets }, "whsec_three", 60, 1_000).webhook.secrets).toHaveLength(2);
  expect(rotateSecret(STORED, "whsec_two", 0, 1_000).webhook.secrets).toEqual([{ secret: "whsec_two" }]);

  expect(editWebhook(STORED, { url: STORED.url, types: ["message.created"] }, 12)).toBeUndefined();
  const edited = editWebhook(STORED, { types: null, conversations: ["team-*"] }, 12)!;
  expect(edited.webhook).toMatchObject({ conversations: ["team-*"], revision: 5 });
  expect(edited.webhook.types).toBeUndefined();
  // The place and the schedule stay, except at another address.
  expect(edited.progress).toBeUndefined();
  const moved = editWebhook(STORED, { url: "https://other.example/" }, 12)!;
  expect(moved.progress).toMatchObject({ course: 3, position: "p7", retries: due });
  expect(editWebhook(idle, { url: "https://other.example/" }, 12)!.progress).toBeUndefined();
});

test("EV1 what can be no position of the feed is refused before webhooks are sent again", () => {
  for (const after of ["0", "ce6a2b94.0.3.1796061648010", "ce6a2b94.gICAgICA"])
    expect(explainReplayAfter(after)).toBeUndefined();
  for (const after of ["", "junk", "a b.c", ".1", "1.", "x".repeat(800).concat(".", "y".repeat(800))])
    expect(explainReplayAfter(after)).toContain("is not a position");
});
