// A page of another origin, in a real browser, against a real server: what ALLOWED_ORIGINS permits.
import { describe, expect, test } from "bun:test";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { useBrowser } from "./shared-browser.ts";

const PATIENCE = 180_000;

/** Serves an empty page on an origin of its own. */
function startForeignPage() {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response("<!doctype html><title>theirs</title>", { headers: { "Content-Type": "text/html" } }),
  });
  return { origin: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** The requests of a page that signs in, with only the web's own means; runs in the browser. */
async function comeIn(url: string): Promise<string[]> {
  const steps: string[] = [];
  try {
    const body = new URLSearchParams({ username: "user1", password: "password", scope: "offline_access" });
    const signedIn = await (await fetch(`${url}/token`, { method: "POST", body })).json();
    const again = await fetch(`${url}/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: signedIn.refresh_token }),
    });
    const token = (await again.json()).access_token as string;
    steps.push("token");
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const post = (path: string, value: object) =>
      fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(value) });
    const posted = await post("/conversations/lobby/messages", { text: "from afar" });
    steps.push(`posted ${posted.status} ${posted.headers.get("RateLimit")?.split(";")[1]}`);
    const { ticket } = await (await post("/ticket", { conversation: "lobby" })).json();
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws/user1/lobby?ticket=${ticket}`);
    const welcome = await new Promise<{ type: string; seq: number }>((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(JSON.parse(data));
      socket.onclose = ({ code }) => reject(new Error(`closed ${code}`));
    });
    steps.push(`${welcome.type} ${welcome.seq}`);
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    steps.push(`logout ${(await post("/logout", {})).status}`, `closed ${await closed}`);
  } catch (error) {
    steps.push(String(error));
  }
  return steps;
}

describe.skipIf(chromiumPath() === undefined)("a page of another origin", () => {
  const browser = useBrowser();

  test(
    "W2 A7 A3 that is listed signs in, stays signed in, posts, opens a socket with a ticket, and signs out",
    async () => {
      await using theirs = startForeignPage();
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: theirs.origin } });
      await using watched = await openPage(browser(), theirs.origin);
      expect(await watched.page.evaluate(comeIn, server.url)).toEqual([
        "token",
        "posted 201 r=99",
        "welcome 1",
        "logout 204",
        "closed 4401",
      ]);
    },
    PATIENCE,
  );

  test(
    "W2 A5 that is not listed cannot even read the response to its sign-in",
    async () => {
      await using theirs = startForeignPage();
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: "https://other.example.com" } });
      await using watched = await openPage(browser(), theirs.origin);
      expect(await watched.page.evaluate(comeIn, server.url)).toEqual(["TypeError: Failed to fetch"]);
    },
    PATIENCE,
  );
});
