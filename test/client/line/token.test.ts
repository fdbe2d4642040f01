import { expect, test } from "bun:test";
import { createTokenCache, lifetimeOf } from "../../../src/client/line/token.ts";
import { TOKEN_TIMEOUT_MS } from "../../../src/client/options.ts";
import { base64url } from "../../support/server/tokens.ts";
import { ManualTiming } from "../../support/time/manual-timing.ts";

/** A token with these claims; its signature is not verified here. */
const tokenOf = (claims: object) => `e30.${base64url(claims)}.c2ln`;

/** A token that is valid for this many seconds from now on, by both of its times. */
function living(seconds: number, name = "ann"): string {
  const iat = Math.floor(Date.now() / 1000);
  return tokenOf({ sub: name, iat, exp: iat + seconds });
}

/** Lets everything that was promised happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("09 a token function that never settles is given up, and called again", async () => {
  const timing = new ManualTiming();
  const good = living(1800);
  let asked = 0;
  const keeper = createTokenCache(() => (asked++ === 0 ? new Promise<never>(() => {}) : good), timing);
  const first = keeper.get(undefined);
  const second = keeper.get(undefined);
  const faults = Promise.all([first, second].map((promise) => promise.catch((error) => error.message)));
  await settle();
  timing.advance(TOKEN_TIMEOUT_MS - 1);
  expect(asked).toBe(1);
  timing.advance(1);
  expect(await faults).toEqual(Array(2).fill("token: no result after 30 s"));
  expect([await keeper.get(undefined), asked]).toEqual([good, 2]);
});

test("09 a restart does not wait for the earlier request, and ignores its late result", async () => {
  const timing = new ManualTiming();
  const [late, good] = [living(1800, "late"), living(1800)];
  const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  let asked = 0;
  const keeper = createTokenCache(() => answers[asked++]!.promise, timing);
  const first = keeper.get(undefined);
  await settle();
  keeper.abandon();
  const second = keeper.get(undefined);
  await settle();
  answers[1]!.resolve(good);
  expect(await second).toBe(good);
  answers[0]!.resolve(late);
  expect(await first).toBe(late);
  expect([await keeper.get(undefined), asked]).toEqual([good, 2]);
});

test("29 a token is used until its last seconds; a short one for three quarters of its life", async () => {
  const timing = new ManualTiming();
  const lives = [1800, 4, 1800];
  let asked = 0;
  const keeper = createTokenCache(() => living(lives[asked++]!), timing);
  const askedBy = async (milliseconds: number) => {
    timing.advance(milliseconds);
    await keeper.get(undefined);
    return asked;
  };
  expect(await askedBy(0)).toBe(1);
  expect(await askedBy(1_793_000)).toBe(1);
  expect(await askedBy(3_000)).toBe(2);
  expect(await askedBy(1_900)).toBe(2);
  expect(await askedBy(1_200)).toBe(3);
});

test("01 the life of a token does not depend on the time of day, if it contains its issue time", () => {
  const now = Math.floor(Date.now() / 1000);
  const life = (iat: number | undefined, exp: number) => lifetimeOf(tokenOf({ iat, exp }));
  // Here it is ten minutes later, or earlier, than where it was made.
  expect(life(now - 600, now - 300)).toBe(300_000);
  expect(life(now + 600, now + 900)).toBe(300_000);
  // Some of its life is over.
  const left = life(now - 1000, now + 800)!;
  expect(left > 798_000 && left <= 800_000).toBe(true);
  expect(life(undefined, now - 1)).toBe(Infinity);
  expect(lifetimeOf(tokenOf({ sub: "ann" }))).toBeUndefined();
  expect(lifetimeOf("no token")).toBeUndefined();
});
