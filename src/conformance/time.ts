import { type Check, must, mustBe, Skipped } from "./check.ts";
import type { World } from "./world.ts";

/** Longest inactivity time-out, in seconds, that a check sits out. */
const SHORT_TIMEOUT = 10;

/** What time does to a connection. */
export const TIME_CHECKS: readonly Check[] = [
  {
    rule: "I2",
    what: "who is inactive is warned, then closed with 4408; pings do not count",
    slow: true,
    run: closesInactive,
  },
];

async function closesInactive(world: World): Promise<void> {
  const { line, welcome } = await world.join(world.ann, world.conversation());
  const { timeout, warning } = welcome.inactivity;
  if (timeout === 0 || timeout > SHORT_TIMEOUT)
    throw new Skipped(
      `the time-out is ${timeout || "off"}${timeout ? ` s; ${SHORT_TIMEOUT} s are waited for` : ""}`,
    );
  const pings = setInterval(() => line.send({ type: "ping" }), 500);
  try {
    const begun = Date.now();
    const warned = await line.next("warning", ({ code }) => code === "inactivity", timeout * 1_000 + 1_000);
    const early = Date.now() - begun < (timeout - warning) * 1_000 - 500;
    must(!early, "The warning came too early.");
    must((warned.seconds ?? 0) > 0, "The warning does not say how many seconds are left.");
    const error = await line.next("error", undefined, timeout * 1_000 + 1_000);
    mustBe("code of the error", error.code, "inactive");
    mustBe("close code", (await line.closed()).code, 4408);
  } finally {
    clearInterval(pings);
  }
}
