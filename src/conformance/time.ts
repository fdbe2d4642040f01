import { type Check, must, mustBe, Skipped } from "./check.ts";
import { sign } from "./signer.ts";
import type { World } from "./world.ts";

/** Longest inactivity time-out, in seconds, that a check sits out. */
const SHORT_TIMEOUT = 10;
/** Seconds before its end that a token's connection is warned. */
const EXPIRY_WARNING = 60;

/** What time does to a connection, and to its token. */
export const TIME_CHECKS: readonly Check[] = [
  {
    rule: "I2",
    what: "who is inactive is warned, then closed with 4408; pings do not count",
    slow: true,
    run: closesInactive,
  },
  {
    rule: "A2",
    what: "a token about to expire is warned of and renewed in place",
    slow: true,
    run: renewsTokens,
  },
  {
    rule: "A2",
    what: "another user's token renews nothing, and the socket stays",
    run: refusesForeignRenewal,
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

async function renewsTokens(world: World): Promise<void> {
  const key = world.needKey();
  const { user } = world.ann;
  const exp = Math.floor(Date.now() / 1000) + EXPIRY_WARNING / 2;
  const short = { user, token: sign(key, user, { exp }) };
  const { line } = await world.join(short, world.conversation());
  const warning = await line.next("warning", ({ code }) => code === "token_expiring");
  const seconds = warning.seconds ?? 0;
  must(seconds > 0 && seconds <= EXPIRY_WARNING, `The warning says ${warning.seconds} s.`);
  line.send({ type: "token", token: world.ann.token });
  const { expires_in } = await line.next("token_accepted");
  must(expires_in > EXPIRY_WARNING, `The new token's life is told as ${expires_in} s.`);
}

async function refusesForeignRenewal(world: World): Promise<void> {
  const { line } = await world.join(world.ann, world.conversation());
  line.send({ type: "token", token: world.bob.token });
  mustBe("code of the error", (await line.next("error")).code, "forbidden");
  await line.settled();
}
