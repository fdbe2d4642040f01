import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Largest plan that is used up to see what happens then: few enough requests that nobody else feels it. */
const MAX_TESTED_PLAN = 120;
/** Frames a second, under the usual BURST_RATE of 20. */
const FRAMES_PER_SECOND = 16;

/** What a request costs, how that is shown, and what happens when nothing is left. */
export const QUOTA_CHECKS: readonly Check[] = [
  { rule: "Q2", what: "what is refused costs nothing", run: chargesNothingRefused },
  { rule: "Q3", what: "`welcome`, `ack`, `history` and GET /me show the same quota", run: showsQuota },
  {
    rule: "Q4",
    what: "over quota: `rate_limited` with `retry_after`; the socket stays and hears",
    run: refusesOverQuota,
  },
];

async function joinMetered(world: TestContext): Promise<{ line: TestSocket; remaining: number }> {
  const { line, welcome } = await world.join(world.ann, world.conversation());
  if (welcome.quota === null) throw new RuleSkipped(`the plan of ${world.ann.user} has no limit`);
  return { line, remaining: welcome.quota.remaining };
}

async function chargesNothingRefused(world: TestContext): Promise<void> {
  const { line, remaining } = await joinMetered(world);
  line.send({ type: "message", text: "" });
  line.send({ type: "history", limit: 0 });
  line.send({ type: "activity" });
  await line.flushed();
  const { quota } = await world.sendMessage(line, "one request");
  assertEqual("requests left after one message and two refusals", quota?.remaining, remaining - 1);
}

async function showsQuota(world: TestContext): Promise<void> {
  const { line, remaining } = await joinMetered(world);
  const ack = await world.sendMessage(line, "one request");
  line.send({ type: "history" });
  const history = await line.next("history");
  assertEqual(
    "remaining after 1 and 2 requests",
    [ack.quota?.remaining, history.quota?.remaining],
    [remaining - 1, remaining - 2],
  );
  const me = await world.fetch("/me", { as: world.ann });
  assertEqual("status of GET /me", me.status, 200);
  const { quota } = (await me.json()) as { quota?: { limit?: number; remaining?: number } };
  assertEqual(
    "limit and remaining at GET /me",
    [quota?.limit, quota?.remaining],
    [history.quota?.limit, history.quota?.remaining],
  );
  for (const field of ["RateLimit", "RateLimit-Policy"])
    assert(me.headers.has(field), `GET /me is answered without the field ${field}.`);
}

async function refusesOverQuota(world: TestContext): Promise<void> {
  const poor = world.newUser();
  const conversation = world.conversation();
  const { line, welcome } = await world.join(poor, conversation);
  const { limit, remaining } = welcome.quota ?? { limit: 0, remaining: 0 };
  if (limit === 0 || limit > MAX_TESTED_PLAN)
    throw new RuleSkipped(
      `the smallest plan at hand has ${limit || "unlimited"} requests; it is not used up for a check`,
    );
  for (let sent = 0; sent < remaining; sent++) {
    // The quota is what is looked at, not the burst guard.
    if (sent >= FRAMES_PER_SECOND)
      await new Promise((resolve) => setTimeout(resolve, 1_000 / FRAMES_PER_SECOND));
    line.send({ type: "history", limit: 1 });
  }
  await line.until(
    () => line.of("history").length === remaining,
    "answer to each request of the plan",
    10_000,
  );
  line.send({ type: "message", id: "over", text: "one too many" });
  const error = await line.next("error");
  assertEqual("code and id of the error", [error.code, error.id], ["rate_limited", "over"]);
  const wait = error.retry_after ?? 0;
  assert(wait > 0 && wait <= 3_600, `\`retry_after\` is ${error.retry_after}, not a part of an hour.`);
  assertEqual("`quota.remaining` of the error", error.quota?.remaining, 0);
  const { line: other } = await world.join(world.bob, conversation);
  await world.sendMessage(other, "still heard");
  await line.next("message", ({ text }) => text === "still heard");
}
