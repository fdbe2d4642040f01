import { describe, expect, test } from "bun:test";
import { TEST_PASSWORD, testApp } from "../../../support/server/http-app.ts";

type App = Awaited<ReturnType<typeof testApp>>;

const ORIGIN = "http://chat.example.com:8000";
const NAME = "parley-session-8000.ann";

/** Sends a request as the page at `ORIGIN` does; `change` replaces header fields, and removes those that are undefined. */
async function post(
  app: App,
  verb: "token" | "end",
  body: object | string,
  change: Record<string, string | undefined> = {},
) {
  const fields = {
    Host: "chat.example.com:8000",
    Origin: ORIGIN,
    "Content-Type": "application/json",
    "Sec-Fetch-Site": "same-origin",
    ...change,
  };
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) headers.set(name, value);
  const response = await app.send(`/console/session/${verb}`, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const cookie = response.headers.get("Set-Cookie");
  return {
    status: response.status,
    headers: response.headers,
    cookie,
    /** What a browser sends back. */
    pair: cookie?.split(";")[0] ?? "",
    body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

const signIn = (app: App) => post(app, "token", { username: "ann", password: TEST_PASSWORD });
const refresh = (app: App, Cookie: string, username = "ann") => post(app, "token", { username }, { Cookie });

describe("SEC-P1 the session of the console", () => {
  test("a sign-in puts the refresh token into a cookie for this page alone, and into nothing else", async () => {
    const app = await testApp();
    const { status, body, cookie, headers } = await signIn(app);
    expect(status).toBe(200);
    expect(cookie).toMatch(new RegExp(`^${NAME}=[\\w-]{43}; HttpOnly; SameSite=Strict$`));
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: "bearer",
      expires_in: expect.any(Number),
      refresh_expires_in: 2_592_000,
      user: "ann",
      plan: "basic",
    });
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    const secret = cookie!.split(/[=;]/)[1]!;
    expect(JSON.stringify(app.log.entries)).not.toContain(secret);
  });

  test("over TLS the cookie is Secure, also where a proxy that is not trusted ends TLS", async () => {
    const app = await testApp({
      origins: { allowed: ["https://chat.example.com"], loopbackPort: undefined },
    });
    const { cookie } = await post(
      app,
      "token",
      { username: "ann", password: TEST_PASSWORD },
      { Host: "chat.example.com", Origin: "https://chat.example.com" },
    );
    expect(cookie).toMatch(/^parley-session\.ann=[\w-]{43}; HttpOnly; SameSite=Strict; Secure$/);
  });

  test("SEC-T5 the cookie is exchanged for a token and the next cookie, once", async () => {
    const app = await testApp();
    const first = await signIn(app);
    const second = await refresh(app, `other=1; ${first.pair}`);
    expect([second.status, second.body.user]).toEqual([200, "ann"]);
    expect(second.pair).toStartWith(`${NAME}=`);
    expect(second.pair).not.toBe(first.pair);
    app.clock.advance(60_000);
    // The first one again: it was copied, so the whole sign-in ends, and the cookie is cleared.
    const copied = await refresh(app, first.pair);
    expect([copied.status, copied.body.error, copied.cookie]).toEqual([
      400,
      "invalid_grant",
      `${NAME}=; Max-Age=0; HttpOnly; SameSite=Strict`,
    ]);
    expect((await refresh(app, second.pair)).status).toBe(400);
  });

  test("without the cookie, or with that of another user, it is no session", async () => {
    const app = await testApp();
    const { pair } = await signIn(app);
    expect((await refresh(app, "")).status).toBe(400);
    expect((await refresh(app, pair, "bob")).status).toBe(400);
    const planted = pair.replace(NAME, "parley-session-8000.bob");
    expect((await refresh(app, planted, "bob")).status).toBe(400);
    expect((await refresh(app, pair, "日本")).status).toBe(401);
  });

  test("W2 it is for its own page alone", async () => {
    const app = await testApp({
      origins: { allowed: ["https://shop.example.com"], loopbackPort: undefined },
    });
    const { pair: Cookie } = await signIn(app);
    for (const change of [
      { Origin: undefined },
      { Origin: "null" },
      { Origin: "https://evil.example.net" },
      // A listed page may use tokens, and no cookie: its requests are `same-site` or `cross-site`.
      { Origin: "https://shop.example.com", "Sec-Fetch-Site": "same-site" },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "none" },
      { "Content-Type": "text/plain" },
      { "Content-Type": "application/x-www-form-urlencoded" },
      { "Content-Type": undefined },
    ])
      for (const verb of ["token", "end"] as const) {
        const refused = await post(app, verb, { username: "ann" }, { Cookie, ...change });
        expect([refused.status, refused.body.code, refused.cookie], JSON.stringify(change)).toEqual([
          403,
          "origin_refused",
          null,
        ]);
      }
    const preflight = await app.send("/console/session/token", {
      method: "OPTIONS",
      headers: {
        Host: "chat.example.com:8000",
        Origin: "https://shop.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
      },
    });
    expect(preflight.headers.get("Access-Control-Allow-Origin")).toBeNull();
    expect(preflight.headers.get("Access-Control-Allow-Credentials")).toBeNull();
    // An old browser sends no `Sec-Fetch-Site`.
    expect(
      (await post(app, "token", { username: "ann" }, { Cookie, "Sec-Fetch-Site": undefined })).status,
    ).toBe(200);
  });

  test("SEC-T5 its end removes the tokens of the sign-in and clears the cookie", async () => {
    const app = await testApp();
    const { pair: Cookie } = await signIn(app);
    const ended = await post(app, "end", { username: "ann" }, { Cookie });
    expect([ended.status, ended.cookie]).toEqual([204, `${NAME}=; Max-Age=0; HttpOnly; SameSite=Strict`]);
    expect((await refresh(app, Cookie)).status).toBe(400);
    expect((await post(app, "end", { username: "ann" })).status).toBe(204);
  });

  test("SEC-T5 another sign-in of the same user ends the one before", async () => {
    const app = await testApp();
    const { pair: Cookie } = await signIn(app);
    const again = await post(app, "token", { username: "ann", password: TEST_PASSWORD }, { Cookie });
    expect(again.status).toBe(200);
    expect((await refresh(app, Cookie)).status).toBe(400);
    expect((await refresh(app, again.pair)).status).toBe(200);
  });

  test("SEC-S4 a wrong password, a missing user and a body that is no JSON are refused as at /token", async () => {
    const app = await testApp();
    const wrong = await post(app, "token", { username: "ann", password: "wrong" });
    expect([wrong.status, wrong.body.detail, wrong.cookie]).toEqual([
      401,
      "Incorrect username or password",
      null,
    ]);
    expect((await post(app, "token", {})).status).toBe(422);
    expect((await post(app, "token", "{")).status).toBe(422);
    expect((await post(app, "end", {})).status).toBe(422);
  });

  test("without refresh tokens there is no cookie", async () => {
    const app = await testApp({ refreshLifetime: 0 });
    const { status, cookie } = await signIn(app);
    expect([status, cookie]).toEqual([200, null]);
  });
});
