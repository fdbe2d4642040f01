import { describe, expect, test } from "bun:test";
import { signToken } from "../../../../src/server/authentication/tokens.ts";
import { testApp } from "../../../support/server/http-app.ts";

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

describe("POST /logout", () => {
  test("SEC-T5 the token is refused afterwards, and no other one of the same user", async () => {
    const { send, parts, clock, log } = await testApp();
    const [token, other] = [
      await signToken(parts.keys, { subject: "ann", now: clock.now() }),
      await signToken(parts.keys, { subject: "ann", now: clock.now() }),
    ];
    const response = await send("/logout", { method: "POST", ...bearer(token) });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    const refused = await send("/me", bearer(token));
    expect([refused.status, (await refused.json()).code]).toEqual([401, "token_revoked"]);
    expect((await send("/me", bearer(other))).status).toBe(200);
    expect((await send("/logout", { method: "POST", ...bearer(token) })).status).toBe(401);
    expect(log.events()).toContain("signout");
    expect(JSON.stringify(log.entries)).not.toContain(token);
  });

  test("SEC-T5 a request without a token signs out no user", async () => {
    const { send } = await testApp();
    expect((await send("/logout", { method: "POST" })).status).toBe(401);
    expect((await send("/logout", { method: "POST", ...bearer("a.b.c") })).status).toBe(401);
  });
});
