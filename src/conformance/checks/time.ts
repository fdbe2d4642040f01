import type { Check } from "../check.ts";
import type { Joined, TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Longest inactivity time-out that a check waits for, in seconds. */
const MAX_TESTED_TIMEOUT_S = 10;
/** How late a frame may arrive, in milliseconds, because of the network and a busy machine. */
const TOLERANCE_MS = 1_500;

/** Rules I1 and I2: inactivity. */
export const TIME_CHECKS: readonly Check[] = [
  { rule: "I1", what: "activity cancels the warning; a ping does not", slow: true, run: cancelsWarning },
  {
    rule: "I2",
    what: "an inactive client is warned, then closed with 4408",
    slow: true,
    run: closesInactive,
  },
];

/** Connects to a server whose time-out is short enough for a check; returns the times in milliseconds. */
async function joinShort(context: TestContext): Promise<Joined & { timeout: number; warning: number }> {
  const joined = await context.join(context.ann, context.conversation());
  const { timeout, warning } = joined.welcome.inactivity;
  if (timeout === 0) throw new RuleSkipped("the inactivity time-out is switched off");
  if (timeout > MAX_TESTED_TIMEOUT_S)
    throw new RuleSkipped(
      `the time-out is ${timeout} s; this check waits for at most ${MAX_TESTED_TIMEOUT_S} s`,
    );
  return { ...joined, timeout: timeout * 1_000, warning: warning * 1_000 };
}

async function cancelsWarning(context: TestContext): Promise<void> {
  const { socket, timeout } = await joinShort(context);
  const pings = setInterval(() => socket.send({ type: "ping" }), 500);
  try {
    await socket.next("warning", ({ code }) => code === "inactivity", timeout + TOLERANCE_MS);
  } finally {
    clearInterval(pings);
  }
  socket.send({ type: "activity" });
  await socket.next("warning", ({ code }) => code === "inactivity", timeout + TOLERANCE_MS);
}

async function closesInactive(context: TestContext): Promise<void> {
  const startedAt = Date.now();
  const { socket, timeout, warning } = await joinShort(context);
  const { seconds = 0 } = await socket.next(
    "warning",
    ({ code }) => code === "inactivity",
    timeout + TOLERANCE_MS,
  );
  assert(Date.now() - startedAt > timeout - warning - TOLERANCE_MS, "The warning came too early.");
  assert(seconds > 0, `The warning says that ${seconds} s are left.`);
  assertEqual(
    "code of the error",
    (await socket.next("error", undefined, warning + TOLERANCE_MS)).code,
    "inactive",
  );
  assertEqual("close code", (await socket.closed()).code, 4408);
}
