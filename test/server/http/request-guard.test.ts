import { describe, expect, test } from "bun:test";
import { ApiKeys, hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import { testApp } from "../../support/server/http-app.ts";

type App = Awaited<ReturnType<typeof testApp>>;

/** How many of `count` simultaneous requests got each status, when the clock has advanced until all have a reply. */
async function flood({ send, clock }: App, count: number, path: string, init: RequestInit = {}) {
  const asked = Array.from({ length: count }, () => send(path, init));
  let open = count;
  for (const answer of asked) void answer.then(() => open--);
  for (let i = 0; open > 0; i++) {
    await Bun.sleep(0);
    if (i > 2) clock.advance(50);
  }
  const answers = await Promise.all(asked);
  const tally: Record<number, number> = {};
  for (const { status } of answers) tally[status] = (tally[status] ?? 0) + 1;
  return { tally, refused: answers.find(({ status }) => status === 429) };
}

async function bearer({ parts, clock }: App, subject: string): Promise<RequestInit> {
  return {
    headers: { Authorization: `Bearer ${await signToken(parts.keys, { subject, now: clock.now() })}` },
  };
}

describe("M2 floods over HTTP", () => {
  test.each(["/me", "/conversations/lobby/presence"])("M2 of one user at %s", async (path) => {
    const app = await testApp();
    const { tally, refused } = await flood(app, 300, path, await bearer(app, "ann"));
    expect(tally).toEqual({ 200: 140, 429: 160 });
    expect(refused?.headers.get("Retry-After")).toBe("1");
    expect(await refused?.json()).toMatchObject({ code: "flooding", status: 429, retry_after: 0.05 });
    expect(app.log.entries).toContainEqual({
      level: "warn",
      event: "limit.requests",
      fields: { user: "ann", address: "192.0.2.1", path },
    });
    expect((await app.send(path, await bearer(app, "bob"))).status).toBe(200);
  });

  test("M2 with an invalid token, without one, and at unknown addresses: counted for the client's address", async () => {
    for (const [path, init, status] of [
      ["/me", { headers: { Authorization: "Bearer x" } }, 401],
      ["/me", { headers: { Authorization: "Bearer pk_x" } }, 401],
      ["/conversations/a/messages", { headers: { Authorization: "Bearer pk_x" } }, 401],
      ["/me", {}, 401],
      ["/nothing", { headers: { Authorization: "Bearer x" } }, 404],
      ["/config.json", {}, 200],
    ] as const) {
      const app = await testApp();
      expect((await flood(app, 900, path, init)).tally).toEqual({ [status]: 700, 429: 200 });
      // A client with a valid token is served all the same.
      expect((await app.send("/me", await bearer(app, "ann"))).status).toBe(200);
    }
  });

  test("M2 SEC-S4 the refusal at /token has the form of OAuth 2, too", async () => {
    const app = await testApp();
    const init = { method: "POST", headers: { Authorization: "Bearer x" } };
    const { tally, refused } = await flood(app, 900, "/token", init);
    expect(tally).toEqual({ 422: 700, 429: 200 });
    expect(await refused?.json()).toMatchObject({ code: "flooding", error: "temporarily_unavailable" });
  });

  test("M2 an API key has fifty times as much, and a limit, too", async () => {
    const key = newApiKey();
    const app = await testApp({
      apiKeys: new ApiKeys([{ name: "app", hash: hashOfApiKey(key), rights: ["read", "write"] }]),
    });
    const init = { headers: { Authorization: `Bearer ${key}` } };
    expect((await flood(app, 7500, "/conversations/lobby/presence", init)).tally).toEqual({
      200: 3000,
      429: 4500,
    });
  });

  test("M2 health checks and the files of the page are free", async () => {
    const file = { content: "x", gzipped: new Uint8Array(), type: "text/html", etag: '"x"' };
    const app = await testApp({ page: new Map([["/", file]]) });
    for (const path of ["/healthz", "/readyz", "/"])
      expect((await flood(app, 1000, path)).tally).toEqual({ 200: 1000 });
  });

  test("M2 BURST_RATE 0 turns it off", async () => {
    const app = await testApp({ burst: { rate: 0, size: 1 } });
    expect((await flood(app, 1000, "/me", await bearer(app, "ann"))).tally).toEqual({ 200: 1000 });
  });
});
