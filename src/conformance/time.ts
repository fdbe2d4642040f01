import { type Check, must, mustBe, Skipped } from "./check.ts";
import type { Joined, World } from "./world.ts";

/** Longest inactivity time-out, in seconds, that a check sits out. */
const SHORT_TIMEOUT = 10;
/** Milliseconds by which a line and a busy machine may be late. */
const LATE = 1_500;

/** What time does to a connection. */
export const TIME_CHECKS: readonly Check[] = [
  { rule: "I1", what: "activity takes the warning back; a ping does not", slow: true, run: takesWarningBack },
  { rule: "I2", what: "who is inactive is warned, then closed with 4408", slow: true, run: closesInactive },
];

/** A connection on a server whose time-out is short enough to be waited for, and the times in milliseconds. */
async function joinShort(world: World): Promise<Joined & { timeout: number; warning: number }> {
  const joined = await world.join(world.ann, world.conversation());
  const { timeout, warning } = joined.welcome.inactivity;
  if (timeout === 0) throw new Skipped("the time-out is switched off");
  if (timeout > SHORT_TIMEOUT)
    throw new Skipped(`the time-out is ${timeout} s; at most ${SHORT_TIMEOUT} s are waited for`);
  return { ...joined, timeout: timeout * 1_000, warning: warning * 1_000 };
}

async function takesWarningBack(world: World): Promise<void> {
  const { line, timeout } = await joinShort(world);
  const pings = setInterval(() => line.send({ type: "ping" }), 500);
  try {
    await line.next("warning", ({ code }) => code === "inactivity", timeout + LATE);
  } finally {
    clearInterval(pings);
  }
  line.send({ type: "activity" });
  await line.next("warning", ({ code }) => code === "inactivity", timeout + LATE);
}

async function closesInactive(world: World): Promise<void> {
  const begun = Date.now();
  const { line, timeout, warning } = await joinShort(world);
  const { seconds = 0 } = await line.next("warning", ({ code }) => code === "inactivity", timeout + LATE);
  must(Date.now() - begun > timeout - warning - LATE, "The warning came too early.");
  must(seconds > 0, `The warning says that ${seconds} s are left.`);
  mustBe("code of the error", (await line.next("error", undefined, warning + LATE)).code, "inactive");
  mustBe("close code", (await line.closed()).code, 4408);
}
