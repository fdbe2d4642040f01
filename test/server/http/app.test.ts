import { describe, expect, test } from "bun:test";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { MAX_BODY_BYTES } from "../../../src/server/http/body.ts";
import { contentSecurityPolicy } from "../../../src/server/http/security-headers.ts";
import { quotaEngine, testAccount, testApp } from "../../support/server/http-app.ts";

describe("SEC-P1 fields of every response", () => {
  const page = new Map([
    ["/", { content: "<!doctype html>", gzipped: new Uint8Array(), type: "text/html", etag: '"x"' }],
  ]);

  test.each([
    ["GET", "/", 200],
    ["GET", "/healthz", 200],
    ["GET", "/config.json", 200],
    ["GET", "/me", 401],
    ["POST", "/token", 422],
    ["PUT", "/token", 405],
    ["GET", "/nothing", 404],
  ])("SEC-P1 %s %s (%d)", async (method, path, status) => {
    const { send } = await testApp({ page });
    const { status: actual, headers } = await send(path, { method });
    expect(actual).toBe(status);
    const policy = headers.get("Content-Security-Policy");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe-");
    expect(headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
  });

  test("SEC-P1 also on the response to an internal error", async () => {
    const engine = quotaEngine(() => Promise.reject(new Error("broken")));
    const { send, parts, clock } = await testApp({ engine });
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    const { headers, status } = await send("/me", { headers: { Authorization: `Bearer ${token}` } });
    expect(status).toBe(500);
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
  });

  test("SEC-P1 the page may open sockets of its own server; a foreign Host adds nothing to the policy", () => {
    const own = contentSecurityPolicy("chat.example.com:8443");
    expect(own).toContain("connect-src 'self' ws://chat.example.com:8443 wss://chat.example.com:8443;");
    for (const host of [undefined, "", "a b", "x; script-src *", "x'unsafe-inline'", "*"])
      expect(contentSecurityPolicy(host)).toContain("connect-src 'self';");
  });
});

describe("refusals as problem details", () => {
  test("W1 404 for an unknown address", async () => {
    const { send } = await testApp();
    const response = await send("/nothing?token=s3cret");
    expect(response.status).toBe(404);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    const body = await response.json();
    expect(body).toMatchObject({ type: "urn:parley:error:not_found", status: 404, code: "not_found" });
    expect(JSON.stringify(body)).not.toContain("s3cret");
  });

  test.each([
    ["GET", "/token", "POST, OPTIONS"],
    ["POST", "/me", "GET, HEAD, OPTIONS"],
    ["DELETE", "/healthz", "GET, HEAD, OPTIONS"],
  ])("W1 405 for %s %s, with Allow", async (method, path, allow) => {
    const { send } = await testApp();
    const response = await send(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(allow);
    expect((await response.json()).code).toBe("method_not_allowed");
  });

  test.each([
    ["/token", "POST, OPTIONS"],
    ["/me", "GET, HEAD, OPTIONS"],
    ["/readyz", "GET, HEAD, OPTIONS"],
    ["/conversations/lobby/messages", "GET, HEAD, POST, OPTIONS"],
    ["/ws/ann/lobby", "GET, OPTIONS"],
  ])("OPTIONS %s gets a response with Allow", async (path, allow) => {
    const { send } = await testApp();
    const response = await send(path, { method: "OPTIONS" });
    expect([response.status, response.headers.get("Allow")]).toEqual([204, allow]);
    expect((await send("/nowhere", { method: "OPTIONS" })).status).toBe(404);
  });

  test("HEAD gets the response of GET, without the body", async () => {
    const { send } = await testApp();
    const response = await send("/healthz", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("B3 413 for a body over the limit, with and without Content-Length", async () => {
    const { send } = await testApp();
    const large = `username=ann&password=${"x".repeat(MAX_BODY_BYTES)}`;
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const declared = await send("/token", { method: "POST", body: large, headers });
    expect(declared.status).toBe(413);
    expect((await declared.json()).code).toBe("too_large");
    const streamed = await send("/token", { method: "POST", body: new Blob([large]).stream(), headers });
    expect(streamed.status).toBe(413);
  });

  test("L3 an unavailable store gives 503 with Retry-After for the verbs, with an unknown outcome", async () => {
    const { send, parts, clock } = await testApp();
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    const headers = { Authorization: `Bearer ${token}` };
    for (const init of [{ headers }, { headers, method: "POST", body: '{"text":"hello"}' }]) {
      const response = await send("/conversations/lobby/messages", init);
      expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "1"]);
      expect((await response.json()).code).toBe("unavailable");
    }
  });

  test("M5 an unexpected error is logged with an id; the client gets only `internal` and the id", async () => {
    const engine = quotaEngine(() => Promise.reject(new Error("SELECT * FROM /secret/path")));
    const { send, parts, clock, log } = await testApp({ engine });
    const token = await signToken(parts.keys, { subject: "ann", now: clock.now() });
    const headers = { Authorization: `Bearer ${token}` };
    expect((await send("/me?token=s3cret", { headers })).status).toBe(422);
    const response = await send("/me", { headers });
    expect(response.status).toBe(500);
    const text = await response.text();
    const { id, code } = JSON.parse(text);
    expect(code).toBe("internal");
    for (const leak of ["SELECT", "secret", ".ts", "Error:"]) expect(text).not.toContain(leak);
    const line = log.entries.find(({ event }) => event === "request.failed");
    expect(line).toMatchObject({ level: "error", fields: { id, method: "GET", path: "/me" } });
    expect(line!.fields.error).toContain("SELECT");
    for (const secret of [token, "s3cret"]) expect(JSON.stringify(log.entries)).not.toContain(secret);
  });
});

describe("health", () => {
  test("/healthz reports that the process runs, /readyz whether it accepts clients", async () => {
    let ready = true;
    const { send } = await testApp({ ready: () => ready });
    expect((await send("/readyz")).status).toBe(200);
    ready = false;
    const away = await send("/readyz");
    expect(away.status).toBe(503);
    expect(away.headers.get("Retry-After")).toBe("5");
    expect((await away.json()).code).toBe("unavailable");
    expect((await send("/healthz")).status).toBe(200);
  });
});

describe("GET /config.json", () => {
  test("names the existing demo accounts, where they may be used, and no other account", async () => {
    const app = await testApp();
    await app.accounts.add(await testAccount("user1", { plan: "free", demo: true }));
    await app.accounts.add(await testAccount("user2", { demo: true, disabled: true }));
    await app.accounts.add(await testAccount("user3", { plan: "premium", demo: false }));
    const here = { demoUse: "usable" } as const;
    expect(await (await app.send("/config.json", {}, here)).json()).toEqual({
      demo: [{ user: "user1", plan: "free" }],
      inactivity: { timeout: 300 },
      version: "0.1.0",
      faults: false,
    });
    expect((await (await app.send("/config.json")).json()).demo).toEqual([]);
  });
});
