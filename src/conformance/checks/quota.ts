import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Largest plan whose quota a check uses up: few enough requests not to disturb other users. */
const MAX_TESTED_PLAN = 120;
/** Frames a second, below the default BURST_RATE of 20. */
const FRAMES_PER_SECOND = 16;

/** Rules Q2–Q4: what a request costs, how the quota is shown, and what happens when it is used up. */
export const QUOTA_CHECKS: readonly Check[] = [
  { rule: "Q2", what: "a rejected request costs nothing", run: chargesNothingRefused },
  { rule: "Q3", what: "`welcome`, `ack`, `history` and GET /me show the same quota", run: showsQuota },
  {
    rule: "Q4",
    what: "over quota: `rate_limited` with `retry_after`; the socket stays open and receives messages",
    run: refusesOverQuota,
  },
];

async function joinMetered(context: TestContext): Promise<{ socket: TestSocket; remaining: number }> {
  const { socket, welcome } = await context.join(context.ann, context.conversation());
  if (welcome.quota === null) throw new RuleSkipped(`the plan of ${context.ann.user} has no limit`);
  return { socket, remaining: welcome.quota.remaining };
}

async function chargesNothingRefused(context: TestContext): Promise<void> {
  const { socket, remaining } = await joinMetered(context);
  socket.send({ type: "message", text: "" });
  socket.send({ type: "history", limit: 0 });
  socket.send({ type: "activity" });
  await socket.flushed();
  const { quota } = await context.sendMessage(socket, "one request");
  assertEqual("requests left after one message and two rejections", quota?.remaining, remaining - 1);
}

async function showsQuota(context: TestContext): Promise<void> {
  const { socket, remaining } = await joinMetered(context);
  const ack = await context.sendMessage(socket, "one request");
  socket.send({ type: "history" });
  const history = await socket.next("history");
  assertEqual(
    "remaining after 1 and 2 requests",
    [ack.quota?.remaining, history.quota?.remaining],
    [remaining - 1, remaining - 2],
  );
  const me = await context.fetch("/me", { as: context.ann });
  assertEqual("status of GET /me", me.status, 200);
  const { quota } = (await me.json()) as { quota?: { limit?: number; remaining?: number } };
  assertEqual(
    "limit and remaining at GET /me",
    [quota?.limit, quota?.remaining],
    [history.quota?.limit, history.quota?.remaining],
  );
  for (const field of ["RateLimit", "RateLimit-Policy"])
    assert(me.headers.has(field), `The response of GET /me has no header field ${field}.`);
}

async function refusesOverQuota(context: TestContext): Promise<void> {
  const limited = context.newUser();
  const conversation = context.conversation();
  const { socket, welcome } = await context.join(limited, conversation);
  const { limit, remaining } = welcome.quota ?? { limit: 0, remaining: 0 };
  if (limit === 0 || limit > MAX_TESTED_PLAN)
    throw new RuleSkipped(
      `the smallest plan has ${limit || "unlimited"} requests, too many to use up in a check`,
    );
  for (let sent = 0; sent < remaining; sent++) {
    // Sends slowly enough for the flood guard: this check tests the quota.
    if (sent >= FRAMES_PER_SECOND)
      await new Promise((resolve) => setTimeout(resolve, 1_000 / FRAMES_PER_SECOND));
    socket.send({ type: "history", limit: 1 });
  }
  await socket.until(
    () => socket.of("history").length === remaining,
    "reply to each request of the plan",
    10_000,
  );
  socket.send({ type: "message", id: "over", text: "one too many" });
  const error = await socket.next("error");
  assertEqual("code and id of the error", [error.code, error.id], ["rate_limited", "over"]);
  const wait = error.retry_after ?? 0;
  assert(
    wait > 0 && wait <= 3_600,
    `\`retry_after\` is ${error.retry_after}; it must be above 0 and at most 3,600 s.`,
  );
  assertEqual("`quota.remaining` of the error", error.quota?.remaining, 0);
  const { socket: other } = await context.join(context.bob, conversation);
  await context.sendMessage(other, "still received");
  await socket.next("message", ({ text }) => text === "still received");
}
