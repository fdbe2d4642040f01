import { describe, expect, test } from "bun:test";
import {
  type ApiKeyGrants,
  explainGivingTooMuch,
  explainMissingKeyRight,
  explainMissingOperation,
} from "../../../src/core/access/api-keys.ts";
import { coversPattern } from "../../../src/core/access/grants.ts";
import { changedFields, decideAccountChange, newAccount } from "../../../src/core/operator/change-account.ts";
import { pageOfKeys, placeOf } from "../../../src/core/operator/key-list.ts";
import { accountOf } from "../../support/server/test-server.ts";

describe("what an API key may", () => {
  test("OA3 a pattern covers what matches no more than itself", () => {
    const cases: readonly [pattern: string, other: string, covered: boolean][] = [
      ["*", "*", true],
      ["*", "team-*", true],
      ["*", "lobby", true],
      ["team-*", "team-*", true],
      ["team-*", "team-a*", true],
      ["team-*", "team-a", true],
      ["team-*", "team*", false],
      ["team-*", "*", false],
      ["team-*", "team", false],
      ["team", "team", true],
      ["team", "team*", false],
    ];
    for (const [pattern, other, covered] of cases)
      expect([pattern, other, coversPattern(pattern, other)]).toEqual([pattern, other, covered]);
  });

  test("OA3 a key gives rights and conversations that it has itself", () => {
    const all: ApiKeyGrants = { rights: ["read", "write", "manage"] };
    const limited: ApiKeyGrants = { rights: ["read"], conversations: ["team-*", "lobby"] };
    expect(explainGivingTooMuch(all, limited)).toBeUndefined();
    expect(explainGivingTooMuch({ rights: ["manage"] }, limited)).toContain("`read`");
    expect(explainGivingTooMuch(limited, { rights: ["read"] })).toContain("`conversations`");
    expect(explainGivingTooMuch(limited, { ...limited, conversations: ["team-a", "hall"] })).toContain(
      "`hall`",
    );
    expect(
      explainGivingTooMuch(limited, { ...limited, conversations: ["lobby", "team-x*"] }),
    ).toBeUndefined();
    expect(explainGivingTooMuch(limited, { ...limited, conversations: [] })).toBeUndefined();
  });

  test("OA2 a key that is limited to conversations, also to all of them, is no operator's", () => {
    expect(explainMissingOperation({ rights: ["manage"] })).toBeUndefined();
    expect(explainMissingOperation({ rights: ["read", "write"] })).toContain("`manage`");
    expect(explainMissingOperation({})).toContain("`manage`");
    for (const conversations of [[], ["lobby"], ["*"]])
      expect(explainMissingOperation({ rights: ["manage"], conversations })).toContain("limited");
    const limited: ApiKeyGrants = { rights: ["read"], conversations: ["team-*"] };
    expect(explainMissingKeyRight(limited, "team-a", "read")).toBeUndefined();
    expect(explainMissingKeyRight(limited, "team-a", "write")).toContain("`write`");
    expect(explainMissingKeyRight(limited, "team", "read")).toContain("`team`");
    expect(explainMissingKeyRight({ ...limited, conversations: [] }, "team", "read")).toContain("`team`");
  });
});

test("OA5 a request changes what differs, and another password signs out", () => {
  const account = accountOf("anna", { plan: "basic", passwordHash: "$old", demo: true });
  const cases = [
    [{}, undefined, []],
    [{ plan: "basic", disabled: false, passwordHash: "$old" }, undefined, []],
    [{ plan: "free" }, { change: { plan: "free" }, signOut: false }, ["plan"]],
    [{ disabled: true }, { change: { disabled: true }, signOut: false }, ["disabled"]],
    [
      { passwordHash: "$new" },
      { change: { passwordHash: "$new", demo: false }, signOut: true },
      ["password"],
    ],
    [{ passwordHash: null }, { change: { passwordHash: "", demo: false }, signOut: true }, ["password"]],
    [
      { plan: "free", disabled: true, passwordHash: "$new" },
      {
        change: { plan: "free", disabled: true, passwordHash: "$new", demo: false },
        signOut: true,
      },
      ["plan", "disabled", "password"],
    ],
  ] as const;
  for (const [request, decision, changed] of cases) {
    expect(decideAccountChange(account, request)).toEqual(decision);
    expect(changedFields(decision?.change ?? {})).toEqual([...changed]);
  }
  expect(newAccount("ben", {}, { now: 7, defaultPlan: "free" })).toEqual(accountOf("ben", { createdAt: 7 }));
});

test("OA4 keys of the same name are both listed, in pages", () => {
  const hashes = ["b", "a", "c", "d"].map((digit) => digit.repeat(64));
  const keys = hashes.map((hash, i) => ({ name: i < 3 ? "crm" : "bot", hash, rights: ["read"] as const }));
  const found: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = pageOfKeys(keys, { limit: 1, after });
    found.push(...page.keys.map(({ hash }) => hash[0]!));
    if (!page.more) break;
    after = placeOf(page.keys.at(-1)!);
  }
  expect(found).toEqual(["d", "a", "b", "c"]);
});
