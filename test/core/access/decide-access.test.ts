import { describe, expect, test } from "bun:test";
import { type AccessRequest, decideAccess } from "../../../src/core/access/decide-access.ts";
import type { Plan, PlanTable } from "../../../src/core/access/plans.ts";
import type { Account } from "../../../src/core/ports/accounts.ts";

const free: Plan = { name: "free", requestsPerHour: 100, connections: 5 };
const premium: Plan = { name: "premium", requestsPerHour: 10_000, connections: 100 };
const plans: PlanTable = {
  plans: new Map([
    ["free", free],
    ["premium", premium],
  ]),
  fallback: free,
};
const ann: Account = {
  user: "ann",
  plan: "premium",
  disabled: false,
  passwordHash: "",
  demo: false,
  createdAt: 0,
};

function decide(request: Partial<AccessRequest>): string {
  const access = decideAccess({
    subject: "ann",
    account: undefined,
    plans,
    demoUse: "elsewhere",
    ...request,
  });
  return "plan" in access ? access.plan.name : access.refusal.code;
}

describe("SEC-T6 the plan", () => {
  test("SEC-T6 of a user without an account comes from the claim, or is the fallback", () => {
    expect(decide({ claimedPlan: "premium" })).toBe("premium");
    expect(decide({})).toBe("free");
    expect(decide({ claimedPlan: "no such plan" })).toBe("free");
    expect(decide({ claimedPlan: "__proto__" })).toBe("free");
  });

  test("SEC-T6 of an account wins over the claim", () => {
    expect(decide({ account: ann, claimedPlan: "free" })).toBe("premium");
    expect(decide({ account: { ...ann, plan: "free" }, claimedPlan: "premium" })).toBe("free");
    expect(decide({ account: { ...ann, plan: "abolished" }, claimedPlan: "premium" })).toBe("free");
  });
});

describe("access", () => {
  test("SEC-T6 a disabled account is refused even with a valid token", () => {
    expect(decide({ account: { ...ann, disabled: true }, claimedPlan: "premium" })).toBe("forbidden");
  });

  test("W3 the address must contain the subject's own name", () => {
    expect(decide({ requestedUser: "ann" })).toBe("free");
    expect(decide({ requestedUser: "bob" })).toBe("forbidden");
    expect(decide({ requestedUser: "ANN" })).toBe("forbidden");
  });

  test("a demo account is admitted only where demo accounts are allowed", () => {
    expect(decide({ account: { ...ann, demo: true } })).toBe("forbidden");
    expect(decide({ account: { ...ann, demo: true }, demoUse: "usable" })).toBe("premium");
  });

  test("the refusal of a demo account says whether they are off, or not allowed from that address", () => {
    const reason = (use: AccessRequest["demoUse"]) => {
      const account = { ...ann, demo: true };
      const access = decideAccess({ subject: "ann", account, plans, demoUse: use });
      return "refusal" in access ? access.refusal.message : undefined;
    };
    expect(reason("off")).toBe(
      "The account `ann` is a demo account, and demo accounts are switched off on this server (DEMO_ACCOUNTS).",
    );
    expect(reason("elsewhere")).toContain("does not accept these from your network address");
    expect(reason("usable")).toBeUndefined();
  });
});

test("SEC-T6 a token of an account ends with the account, even when another account takes the name", () => {
  const account = { ...ann, createdAt: 7 };
  expect(decide({ account, madeForAccount: 7 })).toBe("premium");
  expect(decide({ account: undefined, madeForAccount: 7 })).toBe("token_revoked");
  expect(decide({ account: { ...account, createdAt: 8 }, madeForAccount: 7 })).toBe("token_revoked");
});
