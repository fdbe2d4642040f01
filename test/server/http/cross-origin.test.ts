import { describe, expect, test } from "bun:test";
import { TEST_PASSWORD, testApp } from "../../support/server/http-app.ts";

const LISTED = "https://app.example.com";
const ORIGINS = { allowed: [LISTED], loopbackPort: undefined };

const preflight = (origin: string, method = "POST"): RequestInit => ({
  method: "OPTIONS",
  headers: {
    Origin: origin,
    "Access-Control-Request-Method": method,
    "Access-Control-Request-Headers": "authorization,content-type",
  },
});

describe("W2 pages of ALLOWED_ORIGINS", () => {
  const PATHS = ["/token", "/me", "/logout", "/ticket", "/conversations/lobby/messages"];

  test.each(PATHS)("W2 %s allows a preflight of a listed origin, and of no other", async (path) => {
    const { send } = await testApp({ origins: ORIGINS });
    const { status, headers } = await send(path, preflight(LISTED));
    expect(status).toBe(204);
    expect(headers.get("Access-Control-Allow-Origin")).toBe(LISTED);
    expect(headers.get("Access-Control-Allow-Methods")).toBe("GET, POST, PUT, PATCH, DELETE");
    expect(headers.get("Access-Control-Allow-Headers")).toBe("Authorization, Content-Type");
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    expect(headers.get("Vary")).toContain("Origin");
    for (const origin of [
      "https://app.example.com.evil.com",
      "http://app.example.com",
      "https://app.example.com:444",
      "https://evil.com",
      "null",
    ]) {
      const refused = await send(path, preflight(origin));
      expect([origin, refused.status]).toEqual([origin, 403]);
      expect(refused.headers.get("Access-Control-Allow-Origin")).toBeNull();
    }
  });

  test("W2 a listed page can sign in and read the response, including a refusal and the RateLimit fields", async () => {
    const { send } = await testApp({ origins: ORIGINS });
    const signIn = (password: string, origin: string) =>
      send("/token", {
        method: "POST",
        headers: { Origin: origin },
        body: new URLSearchParams({ username: "ann", password }),
      });
    for (const [password, status] of [
      [TEST_PASSWORD, 200],
      ["wrong horse", 401],
    ] as const) {
      const answer = await signIn(password, LISTED);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("Access-Control-Allow-Origin")).toBe(LISTED);
      expect(answer.headers.get("Access-Control-Expose-Headers")).toContain("Retry-After");
      expect(answer.headers.get("Vary")).toContain("Origin");
    }
    const other = await signIn(TEST_PASSWORD, "https://evil.com");
    expect(other.status).toBe(403);
    expect(other.headers.get("Access-Control-Allow-Origin")).toBeNull();
    expect(other.headers.get("Vary")).toContain("Origin");
  });

  test("W2 other pages cannot read the page itself, its settings and the health", async () => {
    const { send } = await testApp({ origins: ORIGINS });
    for (const path of ["/config.json", "/healthz"]) {
      const { headers } = await send(path, { headers: { Origin: LISTED } });
      expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
    }
  });
});
