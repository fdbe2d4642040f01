import { describe, expect, test } from "bun:test";
import { createPasswords } from "../../../../src/server/authentication/passwords.ts";
import { verifyToken } from "../../../../src/server/authentication/tokens.ts";
import { TEST_PASSWORD, testAccount, testApp } from "../../../support/server/http-app.ts";

const FORM = { username: "ann", password: TEST_PASSWORD };

function multipart(fields: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

const json = (body: unknown): RequestInit => ({
  method: "POST",
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
});

const FORM_TYPE = "application/x-www-form-urlencoded";

describe("SEC-S4 POST /token", () => {
  const bodies: [form: string, init: RequestInit][] = [
    ["urlencoded", { method: "POST", body: new URLSearchParams(FORM) }],
    ["multipart", { method: "POST", body: multipart(FORM) }],
    ["JSON", json(FORM)],
    [
      "JSON as `curl -d` sends it",
      { method: "POST", body: ` ${JSON.stringify(FORM)}`, headers: { "Content-Type": FORM_TYPE } },
    ],
    ["JSON without a content type", { method: "POST", body: new TextEncoder().encode(JSON.stringify(FORM)) }],
    [
      "with the fields of OAuth 2 that mean nothing here",
      {
        method: "POST",
        body: new URLSearchParams({
          ...FORM,
          grant_type: "password",
          scope: "a b",
          client_id: "x",
          client_secret: "y",
        }),
      },
    ],
    ["with an empty grant_type", { method: "POST", body: new URLSearchParams({ ...FORM, grant_type: "" }) }],
    ["with grant_type null in JSON", json({ ...FORM, grant_type: null })],
  ];
  test.each(bodies)("SEC-S4 %s: a token, not to be cached", async (_form, init) => {
    const { send, parts, clock } = await testApp();
    const response = await send("/token", init);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("Content-Type")).toStartWith("application/json");
    const body = await response.json();
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: "bearer",
      expires_in: 1800,
      user: "ann",
      plan: "basic",
    });
    expect((await verifyToken(parts.keys, body.access_token, clock.now())).ok).toBe(true);
  });

  test("SEC-S4 SEC-S2 a wrong password and an unknown user give the same 401, byte for byte", async () => {
    const app = await testApp();
    const answers = [await app.signIn("ann", "wrong horse"), await app.signIn("unknown", TEST_PASSWORD)];
    const seen = await Promise.all(
      answers.map(async (answer) => [answer.status, [...answer.headers], await answer.text()]),
    );
    expect(seen[0]).toEqual(seen[1]!);
    expect(answers[0]!.status).toBe(401);
    expect(answers[0]!.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(answers[0]!.headers.get("Cache-Control")).toBe("no-store");
    expect(JSON.parse(seen[0]![2] as string)).toEqual({
      error: "invalid_grant",
      error_description: "Incorrect username or password",
      detail: "Incorrect username or password",
      code: "unauthorized",
    });
  });

  const faulty: [why: string, init: RequestInit, detail: { type: string; loc: string[] }[]][] = [
    [
      "no body",
      { method: "POST" },
      [
        { type: "missing", loc: ["body", "username"] },
        { type: "missing", loc: ["body", "password"] },
      ],
    ],
    [
      "no password",
      { method: "POST", body: new URLSearchParams({ username: "ann" }) },
      [{ type: "missing", loc: ["body", "password"] }],
    ],
    [
      "an empty name",
      { method: "POST", body: new URLSearchParams({ ...FORM, username: "" }) },
      [{ type: "missing", loc: ["body", "username"] }],
    ],
    [
      "a number for a password",
      json({ username: "ann", password: 12345678 }),
      [{ type: "string_type", loc: ["body", "password"] }],
    ],
    [
      "an object for a name",
      json({ ...FORM, username: { $ne: "" } }),
      [{ type: "string_type", loc: ["body", "username"] }],
    ],
    [
      "a file for a password",
      { method: "POST", body: multipart({ username: "ann", password: new Blob(["x"]) }) },
      [{ type: "string_type", loc: ["body", "password"] }],
    ],
    [
      "a repeated name",
      { method: "POST", body: new URLSearchParams("username=ann&username=bob&password=x") },
      [{ type: "repeated", loc: ["body", "username"] }],
    ],
    [
      "JSON as a form of any page can send it",
      { method: "POST", body: JSON.stringify(FORM), headers: { "Content-Type": "text/plain" } },
      [{ type: "content_type", loc: ["header", "content-type"] }],
    ],
    ["damaged JSON", json('{"username":'), [{ type: "json_invalid", loc: ["body"] }]],
    ["JSON that is no object", json(["ann"]), [{ type: "json_invalid", loc: ["body"] }]],
    [
      "a damaged multipart body",
      { method: "POST", body: "x", headers: { "Content-Type": "multipart/form-data; boundary=b" } },
      [{ type: "form_invalid", loc: ["body"] }],
    ],
  ];
  test.each(faulty)("SEC-S4 %s: 422, as FastAPI's clients read it", async (_why, init, detail) => {
    const { send, log } = await testApp();
    const response = await send("/token", init);
    expect(response.status).toBe(422);
    expect(log.entries).toMatchObject([{ event: "request.invalid", fields: { address: "192.0.2.1" } }]);
    expect(JSON.stringify(log.entries)).not.toContain("12345678");
    const body = await response.json();
    expect(body).toMatchObject({
      error: "invalid_request",
      error_description: expect.any(String),
      code: "invalid",
    });
    expect(body.detail).toEqual(detail.map((entry) => ({ ...entry, msg: expect.any(String) })));
    expect(JSON.stringify(body)).not.toContain("12345678");
  });

  test("SEC-S4 a missing field is reported in exactly FastAPI's words", async () => {
    const { send } = await testApp();
    const response = await send("/token", { method: "POST", body: new URLSearchParams({ password: "x" }) });
    expect((await response.json()).detail).toEqual([
      { type: "missing", loc: ["body", "username"], msg: "Field required" },
    ]);
  });

  test("SEC-S4 any other grant_type: 400 unsupported_grant_type", async () => {
    const { send } = await testApp();
    for (const grant of ["client_credentials", "Password", "refresh"]) {
      const body = new URLSearchParams({ ...FORM, grant_type: grant });
      const response = await send("/token", { method: "POST", body });
      expect(response.status).toBe(400);
      expect((await response.json()).error).toBe("unsupported_grant_type");
    }
  });

  test("SEC-S3 throttled: 429 with Retry-After in whole seconds", async () => {
    const app = await testApp();
    for (let i = 0; i < 5; i++) await app.signIn("ann", "wrong horse");
    app.clock.advance(500);
    const response = await app.signIn("ann", TEST_PASSWORD);
    expect(response.status).toBe(429);
    expect(response.headers.get("Retry-After")).toBe("60");
    expect((await response.json()).code).toBe("too_many_attempts");
  });

  test("SEC-S1 queue full: 503 with Retry-After", async () => {
    const app = await testApp({ passwords: createPasswords({ cost: 4, queue: 0, concurrency: 1 }) });
    const answers = await Promise.all([app.signIn("ann", TEST_PASSWORD), app.signIn("ann", TEST_PASSWORD)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 503]);
    const busy = answers.find(({ status }) => status === 503)!;
    expect(Number(busy.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect((await busy.json()).code).toBe("unavailable");
  });

  test("SEC-T6 a disabled account: 403, for a user with the right password", async () => {
    const app = await testApp();
    await app.accounts.add(await testAccount("bob", { disabled: true }));
    const response = await app.signIn("bob", TEST_PASSWORD);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: "invalid_grant", code: "forbidden" });
    expect((await app.signIn("bob", "wrong horse")).status).toBe(401);
  });
});
