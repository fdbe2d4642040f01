import { describe, expect, test } from "bun:test";
import { REFRESH_GRACE_MS } from "../../../../src/core/access/refresh-rotation.ts";
import { TEST_PASSWORD, testApp } from "../../../support/server/http-app.ts";

type App = Awaited<ReturnType<typeof testApp>>;

const DAY = 86_400_000;

async function post(app: App, fields: Record<string, string>) {
  const response = await app.send("/token", { method: "POST", body: new URLSearchParams(fields) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const signIn = (app: App) =>
  post(app, { username: "ann", password: TEST_PASSWORD, scope: "openid offline_access" });

const refresh = (app: App, token: string) => post(app, { grant_type: "refresh_token", refresh_token: token });

/** The refresh token of a new sign-in. */
async function begin(app: App): Promise<string> {
  return (await signIn(app)).body.refresh_token!;
}

const INVALID = { status: 400, body: { error: "invalid_grant", code: "unauthorized" } };

describe("SEC-T5 refresh tokens at POST /token", () => {
  test("SEC-S4 only a request with `offline_access` gets one", async () => {
    const app = await testApp();
    expect((await signIn(app)).body).toMatchObject({
      access_token: expect.any(String),
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      refresh_expires_in: 2_592_000,
    });
    for (const scope of ["", "offline", "offline_accessories"]) {
      const { body } = await post(app, { username: "ann", password: TEST_PASSWORD, scope });
      expect(body).not.toHaveProperty("refresh_token");
    }
  });

  test("SEC-T5 it is exchanged for a valid token and the next refresh token, again and again", async () => {
    const app = await testApp();
    let token = await begin(app);
    for (let k = 0; k < 5; k++) {
      app.clock.advance(20 * DAY);
      const { status, body } = await refresh(app, token);
      expect([status, body.user, body.plan, body.token_type]).toEqual([200, "ann", "basic", "bearer"]);
      const me = await app.send("/me", { headers: { Authorization: `Bearer ${body.access_token}` } });
      expect(me.status).toBe(200);
      expect(body.refresh_token).not.toBe(token);
      token = body.refresh_token!;
    }
    app.clock.advance(30 * DAY);
    expect(await refresh(app, token)).toMatchObject(INVALID);
  });

  test("SEC-T5 after a lost response, a retry within ten seconds gets a fresh successor", async () => {
    const app = await testApp();
    const token = await begin(app);
    const lost = await refresh(app, token);
    app.clock.advance(REFRESH_GRACE_MS - 1);
    const retried = await refresh(app, token);
    expect(retried.status).toBe(200);
    expect(retried.body.refresh_token).not.toBe(lost.body.refresh_token);
    app.clock.advance(DAY);
    expect((await refresh(app, retried.body.refresh_token!)).status).toBe(200);
  });

  test("SEC-T5 a late reuse ends the whole family, the thief's and the owner's", async () => {
    const app = await testApp();
    const [token, other] = [await begin(app), await begin(app)];
    const next = (await refresh(app, token)).body.refresh_token!;
    app.clock.advance(REFRESH_GRACE_MS);
    expect(await refresh(app, token)).toMatchObject(INVALID);
    expect(await refresh(app, next)).toMatchObject(INVALID);
    expect((await refresh(app, other)).status).toBe(200);
    expect(app.log.events()).toContain("refresh.reused");
  });

  test("SEC-T5 two simultaneous uses of one both get a valid successor", async () => {
    const app = await testApp();
    const token = await begin(app);
    const answers = await Promise.all([refresh(app, token), refresh(app, token)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const { body } of answers) expect((await refresh(app, body.refresh_token!)).status).toBe(200);
  });

  test("B2 too frequent requests have to wait, and lose nothing", async () => {
    const app = await testApp();
    let token = await begin(app);
    let answer = await refresh(app, token);
    while (answer.status === 200) {
      token = answer.body.refresh_token!;
      answer = await refresh(app, token);
    }
    expect(answer).toMatchObject({ status: 429, body: { code: "too_many_attempts" } });
    app.clock.advance(REFRESH_GRACE_MS);
    expect((await refresh(app, token)).status).toBe(200);
  });

  test("SEC-T5 an invalid one is refused like any other, and a missing one is reported as missing", async () => {
    const app = await testApp();
    await begin(app);
    for (const token of ["x", "A".repeat(43), `${"A".repeat(43)}=`, "A".repeat(5000)])
      expect(await refresh(app, token)).toMatchObject(INVALID);
    expect(await post(app, { grant_type: "refresh_token" })).toMatchObject({
      status: 422,
      body: { error: "invalid_request" },
    });
  });

  test("SEC-T5 SEC-T6 it ends with its account, with the account's password and with a sign-out of the user", async () => {
    const app = await testApp();
    const account = (await app.accounts.find("ann"))!;
    const removed = await begin(app);
    await app.accounts.remove("ann");
    app.clock.advance(1);
    await app.accounts.add({ ...account, createdAt: app.clock.now() });
    expect(await refresh(app, removed)).toMatchObject(INVALID);

    const revoked = await begin(app);
    app.clock.advance(1);
    await app.revocations.revokeUser("ann", app.clock.now());
    expect(await refresh(app, revoked)).toMatchObject(INVALID);
    expect((await refresh(app, await begin(app))).status).toBe(200);
  });

  test("SEC-T6 it is refused while the account is disabled, and valid again afterwards", async () => {
    const app = await testApp();
    const token = await begin(app);
    await app.accounts.update("ann", { disabled: true });
    expect(await refresh(app, token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    await app.accounts.update("ann", { disabled: false });
    expect((await refresh(app, token)).status).toBe(200);
  });

  test("SEC-T5 POST /logout with it ends its family, and no other", async () => {
    const app = await testApp();
    const first = (await signIn(app)).body;
    const other = (await signIn(app)).body;
    const logout = (token: string, refreshToken: string) =>
      app.send("/logout", {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
        body: new URLSearchParams({ refresh_token: refreshToken }),
      });
    expect((await logout(first.access_token!, first.refresh_token!)).status).toBe(204);
    expect(await refresh(app, first.refresh_token!)).toMatchObject(INVALID);
    expect((await refresh(app, other.refresh_token!)).status).toBe(200);
  });

  test("SEC-T5 with REFRESH_LIFETIME 0 none is issued and none is accepted", async () => {
    const before = await testApp();
    const token = await begin(before);
    const app = await testApp({ refreshTokens: before.parts.refreshTokens, refreshLifetime: 0 });
    expect((await signIn(app)).body).not.toHaveProperty("refresh_token");
    expect(await refresh(app, token)).toMatchObject(INVALID);
  });

  test("SEC-T7 it is stored as a hash and never logged", async () => {
    const app = await testApp();
    const token = await begin(app);
    const next = (await refresh(app, token)).body.refresh_token!;
    await refresh(app, "A".repeat(43));
    const id = Buffer.from(token, "base64url").subarray(0, 16).toString("base64url");
    const stored = JSON.stringify(await app.parts.refreshTokens.find(id));
    expect(stored).toContain("ann");
    for (const secret of [token, next, token.slice(22)]) {
      expect(stored).not.toContain(secret);
      expect(JSON.stringify(app.log.entries)).not.toContain(secret);
    }
  });
});
