// HAProxy replies to some broken handshakes itself, and once a run failed because of that alone. A proxy that sends
// another `Host` was not noticed, because no check sent the page's origin.
import { describe, expect, test } from "bun:test";
import { connect } from "../../src/client/index.ts";
import { HANDSHAKE_CHECKS } from "../../src/conformance/checks/handshake.ts";
import { runConformance } from "../../src/conformance/run.ts";
import { sign } from "../../src/conformance/token-signer.ts";
import { isInstalled, startBareHaproxy } from "../deploy/proxy.ts";
import { SECRET, startTestServer } from "../support/server/test-server.ts";

const KEY = { secret: SECRET, issuer: "parley", audience: "parley" };
const DOOR = HANDSHAKE_CHECKS.filter(({ rule }) => ["A1", "A5", "W1", "W3", "W6"].includes(rule));

async function failedAt(port: number, path = "") {
  const [ann, bob] = ["ann", "bob"].map((user) => ({ user, token: sign(KEY, user) }));
  const target = { http: `http://127.0.0.1:${port}${path}`, ws: `ws://127.0.0.1:${port}${path}` };
  const results = await runConformance({ target, users: [ann!, bob!], key: KEY }, DOOR);
  return results.flatMap(({ rule, outcome, reason }) => (outcome === "passed" ? [] : [`${rule}: ${reason}`]));
}

describe.skipIf(!isInstalled("haproxy"))("behind HAProxy", () => {
  test("W1 A5 the rules of the handshake are kept, though HAProxy refuses some requests itself", async () => {
    await using server = await startTestServer();
    await using proxy = await startBareHaproxy(server.port);
    expect(await failedAt(proxy.port)).toEqual([]);
  });

  test("W1 A5 under a path that the proxy removes, for the library, too", async () => {
    await using server = await startTestServer();
    const below = "http-request replace-path ^/chat/(.*)$ /\\1";
    await using proxy = await startBareHaproxy(server.port, below);
    expect(await failedAt(proxy.port, "/chat")).toEqual([]);
    const url = `http://127.0.0.1:${proxy.port}/chat/`;
    const parley = connect({ url, token: await server.token("ann") });
    expect(await parley.conversation("lobby").send("hello")).toMatchObject({ seq: 1 });
    await parley.close();
  });

  test("A5 a proxy that sends another Host is reported, with advice", async () => {
    await using server = await startTestServer();
    const rewriting = "http-request set-header Host 127.0.0.1:1\n  option httpchk";
    await using proxy = await startBareHaproxy(server.port, rewriting);
    const failed = await failedAt(proxy.port);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toStartWith(
      `A5: A sign-in on the server's own page, http://127.0.0.1:${proxy.port}, returned 403`,
    );
    expect(failed[0]).toEndWith("to ALLOWED_ORIGINS.");
  });
});
