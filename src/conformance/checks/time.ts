import type { Check } from "../check.ts";
import type { Joined, TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Longest inactivity time-out, in seconds, that a check sits out. */
const MAX_TESTED_TIMEOUT_S = 10;
/** Milliseconds by which a line and a busy machine may be late. */
const TOLERANCE_MS = 1_500;

/** What time does to a connection. */
export const TIME_CHECKS: readonly Check[] = [
  { rule: "I1", what: "activity takes the warning back; a ping does not", slow: true, run: takesWarningBack },
  { rule: "I2", what: "who is inactive is warned, then closed with 4408", slow: true, run: closesInactive },
];

/** A connection on a server whose time-out is short enough to be waited for, and the times in milliseconds. */
async function joinShort(world: TestContext): Promise<Joined & { timeout: number; warning: number }> {
  const joined = await world.join(world.ann, world.conversation());
  const { timeout, warning } = joined.welcome.inactivity;
  if (timeout === 0) throw new RuleSkipped("the time-out is switched off");
  if (timeout > MAX_TESTED_TIMEOUT_S)
    throw new RuleSkipped(`the time-out is ${timeout} s; at most ${MAX_TESTED_TIMEOUT_S} s are waited for`);
  return { ...joined, timeout: timeout * 1_000, warning: warning * 1_000 };
}

async function takesWarningBack(world: TestContext): Promise<void> {
  const { line, timeout } = await joinShort(world);
  const pings = setInterval(() => line.send({ type: "ping" }), 500);
  try {
    await line.next("warning", ({ code }) => code === "inactivity", timeout + TOLERANCE_MS);
  } finally {
    clearInterval(pings);
  }
  line.send({ type: "activity" });
  await line.next("warning", ({ code }) => code === "inactivity", timeout + TOLERANCE_MS);
}

async function closesInactive(world: TestContext): Promise<void> {
  const begun = Date.now();
  const { line, timeout, warning } = await joinShort(world);
  const { seconds = 0 } = await line.next(
    "warning",
    ({ code }) => code === "inactivity",
    timeout + TOLERANCE_MS,
  );
  assert(Date.now() - begun > timeout - warning - TOLERANCE_MS, "The warning came too early.");
  assert(seconds > 0, `The warning says that ${seconds} s are left.`);
  assertEqual(
    "code of the error",
    (await line.next("error", undefined, warning + TOLERANCE_MS)).code,
    "inactive",
  );
  assertEqual("close code", (await line.closed()).code, 4408);
}
