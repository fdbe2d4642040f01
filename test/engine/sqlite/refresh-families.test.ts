import { describe, expect, test } from "bun:test";
import { MAX_FAMILIES, type RefreshFamily } from "../../../src/core/refresh.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { StoreFolder } from "./store-folder.ts";

const HOUR = 3_600_000;

function familyOf(id: string, change: Partial<RefreshFamily> = {}): RefreshFamily {
  const signedInAt = Date.UTC(2025, 0, 1);
  const expiresAt = signedInAt + HOUR;
  return {
    id,
    user: "ann",
    account: 7,
    signedInAt,
    expiresAt,
    tokens: [{ hash: "h", issuedAt: 0 }],
    ...change,
  };
}

describe("refresh families in sqlite", () => {
  test("T5 a family is found as it was added, also after reopening", async () => {
    await using folder = new StoreFolder();
    const family = familyOf("one", {
      tokens: [
        { hash: "a", issuedAt: 1, usedAt: 3 },
        { hash: "b", issuedAt: 3 },
      ],
    });
    const store = await folder.open();
    await store.refreshTokens.add(family);
    expect(await store.refreshTokens.find("one")).toEqual(family);
    await store.close();
    const { refreshTokens } = await folder.open();
    expect(await refreshTokens.find("one")).toEqual(family);
    expect(await refreshTokens.find("two")).toBeUndefined();
  });

  test("T5 of two that change a family at once, one does; the other finds it changed", async () => {
    await using folder = new StoreFolder();
    const { refreshTokens } = await folder.open();
    const family = familyOf("one");
    await refreshTokens.add(family);
    const mine = { ...family, expiresAt: family.expiresAt + 1, tokens: [{ hash: "mine", issuedAt: 0 }] };
    const theirs = { ...family, expiresAt: family.expiresAt + 1, tokens: [{ hash: "theirs", issuedAt: 0 }] };
    expect(await refreshTokens.replace(family, mine)).toBe(true);
    expect(await refreshTokens.replace(family, theirs)).toBe(false);
    expect(await refreshTokens.replace(family, undefined)).toBe(false);
    expect(await refreshTokens.find("one")).toEqual(mine);
    expect(await refreshTokens.replace(mine, undefined)).toBe(true);
    expect(await refreshTokens.find("one")).toBeUndefined();
  });

  test("T5 only its own user removes a family", async () => {
    await using folder = new StoreFolder();
    const { refreshTokens } = await folder.open();
    await refreshTokens.add(familyOf("one"));
    await refreshTokens.remove("one", "ben");
    expect(await refreshTokens.find("one")).toBeDefined();
    await refreshTokens.remove("one", "ann");
    expect(await refreshTokens.find("one")).toBeUndefined();
  });

  test("B1 a user has so many families and no more, and expired ones are dropped", async () => {
    await using folder = new StoreFolder();
    const clock = new ManualClock();
    const { refreshTokens } = await folder.open(clock);
    await refreshTokens.add(familyOf("other", { user: "ben", signedInAt: 0 }));
    for (let k = 0; k <= MAX_FAMILIES; k++)
      await refreshTokens.add(familyOf(`family-${k}`, { signedInAt: clock.now() + k }));
    expect(await refreshTokens.find("family-0")).toBeUndefined();
    expect(await refreshTokens.find("family-1")).toBeDefined();
    expect(await refreshTokens.find("other")).toBeDefined();
    clock.advance(HOUR);
    await refreshTokens.add(familyOf("late", { expiresAt: clock.now() + HOUR }));
    expect(await refreshTokens.find("other")).toBeUndefined();
    expect(await refreshTokens.find("late")).toBeDefined();
  });
});
