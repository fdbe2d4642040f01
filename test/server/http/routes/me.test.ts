import { describe, expect, test } from "bun:test";
import { signToken } from "../../../../src/server/authentication/tokens.ts";
import { testAccount, testApp } from "../../../support/server/http-app.ts";

const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

describe("GET /me", () => {
  test("Q3 user, plan and quota, in the body and in the fields of the RateLimit draft", async () => {
    const { send, parts, clock } = await testApp();
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    const response = await send("/me", bearer(token));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      user: "ann",
      plan: "basic",
      quota: { limit: 1000, remaining: 993, reset: 1234.5 },
      connections_limit: 20,
    });
    expect(response.headers.get("RateLimit-Policy")).toBe('"basic";q=1000;w=3600');
    expect(response.headers.get("RateLimit")).toBe('"basic";r=993;t=1235');
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });

  test("Q3 an unmetered plan has no RateLimit fields", async () => {
    const { send, parts, clock } = await testApp();
    const token = await signToken(parts.keys, { subject: "bob", plan: "open", now: clock.now() });
    const response = await send("/me", bearer(token));
    expect((await response.json()).plan).toBe("open");
    expect(response.headers.get("RateLimit")).toBeNull();
  });

  test("SEC-T6 a plan that is not in PLANS is logged, with the plan used instead", async () => {
    const { send, parts, clock, log, accounts } = await testApp();
    const planOf = async (subject: string, plan?: string) => {
      const token = await signToken(parts.keys, { subject, ...(plan && { plan }), now: clock.now() });
      return (await (await send("/me", bearer(token))).json()).plan;
    };
    expect(await planOf("bob", "gold")).toBe("free");
    expect(await planOf("bob", "open")).toBe("open");
    expect(await planOf("bob")).toBe("free");
    await accounts.update("ann", { plan: "p".repeat(1000) });
    expect(await planOf("ann")).toBe("free");
    expect(log.entries).toEqual([
      { level: "warn", event: "plan.unknown", fields: { user: "bob", plan: "gold", fallback: "free" } },
      {
        level: "warn",
        event: "plan.unknown",
        fields: { user: "ann", plan: "p".repeat(64), fallback: "free" },
      },
    ]);
  });

  test("SEC-T6 the store decides: a changed plan and a disabled account apply at once, whatever the token contains", async () => {
    const { send, parts, clock, accounts } = await testApp();
    const token = await signToken(parts.keys, { subject: "ann", plan: "open", now: clock.now() });
    const plan = async () => (await (await send("/me", bearer(token))).json()).plan;
    expect(await plan()).toBe("basic");
    await accounts.update("ann", { plan: "free" });
    expect(await plan()).toBe("free");
    await accounts.update("ann", { disabled: true });
    const refused = await send("/me", bearer(token));
    expect(refused.status).toBe(403);
    expect((await refused.json()).code).toBe("forbidden");
  });

  test("SEC-T6 a demo account's token is refused where demo accounts may not be used", async () => {
    const { send, parts, clock, accounts } = await testApp();
    await accounts.add(await testAccount("user1", { demo: true }));
    const token = await signToken(parts.keys, { subject: "user1", now: clock.now() });
    expect((await send("/me", bearer(token))).status).toBe(403);
  });

  test("A1 a missing, damaged or expired credential: 401 with WWW-Authenticate and the right code", async () => {
    const { send, parts, clock, log } = await testApp();
    const none = await send("/me");
    expect([none.status, none.headers.get("WWW-Authenticate")]).toEqual([401, "Bearer"]);
    for (const value of ["Bearer", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b"])
      expect((await send("/me", { headers: { Authorization: value } })).status).toBe(401);
    const damaged = await send("/me", bearer("s3cret.s3cret.s3cret"));
    expect(damaged.headers.get("WWW-Authenticate")).toBe('Bearer error="invalid_token"');
    expect((await damaged.json()).code).toBe("unauthorized");
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    clock.advance(1_830_000);
    expect((await (await send("/me", bearer(token))).json()).code).toBe("token_expired");
    const written = JSON.stringify(log.entries);
    for (const secret of [token, "s3cret"]) expect(written).not.toContain(secret);
  });

  test("SEC-T7 a token in the address is ignored", async () => {
    const { send, parts, clock } = await testApp();
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    expect((await send(`/me?token=${token}`)).status).toBe(401);
  });
});
