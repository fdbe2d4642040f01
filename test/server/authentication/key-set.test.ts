import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK, type JWK } from "jose";
import { FRESH_MS, MAX_AGE_MS, RETRY_AFTER_FAILURE_MS } from "../../../src/core/access/key-set.ts";
import { KeySet } from "../../../src/server/authentication/key-set.ts";
import { TestClient } from "../../support/clients/test-client.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { base64url, goodClaims } from "../../support/server/tokens.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const JWK_EC: JWK = { ...(await exportJWK(ec.publicKey)), kid: "k1" };

const goodSet = () => Response.json({ keys: [JWK_EC] });

function issued(key: KeyObject, kid = "k1", claims: object = {}): string {
  const unsigned = `${base64url({ typ: "at+jwt", alg: "ES256", kid })}.${base64url({ ...goodClaims(Date.now()), ...claims })}`;
  return `${unsigned}.${sign("sha256", Buffer.from(unsigned), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** An issuer on a real address, whose responses a test chooses. */
function serveIssuer(answer: () => Response | Promise<Response> = goodSet) {
  const issuer = { answer, asked: 0, elsewhere: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 30,
    fetch(request) {
      if (request.url.endsWith("/elsewhere")) issuer.elsewhere++;
      else issuer.asked++;
      return request.url.endsWith("/elsewhere") ? goodSet() : issuer.answer();
    },
  });
  return Object.assign(issuer, { url: server.url, [Symbol.asyncDispose]: () => server.stop(true) });
}

/** A key set of an issuer, with a clock that the test advances. */
function keySetOf(url: URL, patience = 5_000) {
  const time = { now: 1_000 };
  const log = new RecordedLog();
  const keySet = new KeySet(url, { now: () => time.now, timeoutMs: patience, emit: log.emit });
  const find = async (kid = "k1") => {
    const found = await keySet.find(kid, "ES256");
    return typeof found === "string" ? found : "found";
  };
  return { time, log, find };
}

function drip(bytes: number, text: string): Response {
  let sent = 0;
  return new Response(
    new ReadableStream({
      async pull(controller) {
        if (sent >= bytes) return controller.close();
        sent += text.length;
        await Bun.sleep(1);
        controller.enqueue(new TextEncoder().encode(text));
      },
    }),
  );
}

describe("SEC-T1 a key set that is unavailable, slow or wrong", () => {
  // A failed read proves nothing about a token: its client must retry, and not sign in again.
  const faults: [string, () => Response | Promise<Response>][] = [
    ["an error", () => new Response("maintenance", { status: 503 })],
    [
      "a page in the place of the set",
      () => new Response("<html>", { headers: { "Content-Type": "text/html" } }),
    ],
    ["no JSON", () => new Response("hello")],
    ["a list", () => Response.json([1])],
    ["no keys", () => Response.json({ keys: null })],
    ["no UTF-8", () => new Response(new Uint8Array([0x7b, 0xff, 0x7d]))],
    ["a redirect", () => new Response(null, { status: 302, headers: { Location: "/elsewhere" } })],
    ["nesting without end", () => new Response(`{"keys":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
    ["nothing in time", () => new Promise<Response>(() => {})],
    ["a drip", () => drip(1_000_000, " ")],
  ];
  test.each(faults)(
    "SEC-T1 %s: it is `unavailable`, asked for once in five seconds, and recovers",
    async (name, answer) => {
      await using issuer = serveIssuer(answer);
      // On a busy machine a good answer may take longer than a short patience.
      const isSlow = name === "nothing in time" || name === "a drip";
      const { time, log, find } = keySetOf(issuer.url, isSlow ? 1_000 : undefined);
      expect(await Promise.all(["k1", "k1", "k2", "k3"].map(find))).toEqual(Array(4).fill("unavailable"));
      for (let i = 0; i < 40; i++) expect(await find(`junk${i}`)).toBe("unavailable");
      expect([issuer.asked, issuer.elsewhere]).toEqual([1, 0]);
      expect(log.entries.map(({ event }) => event)).toEqual(["key_set.unavailable"]);
      issuer.answer = goodSet;
      time.now += RETRY_AFTER_FAILURE_MS;
      expect(await find()).toBe("found");
      expect(log.entries.map(({ event }) => event)).toEqual(["key_set.unavailable", "key_set.recovered"]);
    },
  );

  test("SEC-T1 an address with a closed port", async () => {
    expect(await keySetOf(new URL("http://127.0.0.1:1/keys")).find()).toBe("unavailable");
  });

  test("SEC-T1 B3 an endless set is read up to 16 MiB, and not kept", async () => {
    let sent = 0;
    const block = new Uint8Array(1024 * 1024).fill(0x20);
    await using issuer = serveIssuer(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              sent++;
              controller.enqueue(block);
            },
          }),
        ),
    );
    const { find, log } = keySetOf(issuer.url);
    expect(await find()).toBe("unavailable");
    expect(String(log.entries[0]?.fields.reason)).toContain("16777216");
    // Bytes in the buffers in between may be sent, too.
    expect(sent).toBeLessThan(100);
  });

  test("SEC-T1 valid keys stay valid for an hour, withdrawn ones for ten minutes", async () => {
    await using issuer = serveIssuer();
    const { time, find } = keySetOf(issuer.url);
    expect(await find()).toBe("found");
    issuer.answer = () => new Response(null, { status: 500 });
    time.now += MAX_AGE_MS - 1;
    expect([await find(), await find("new")]).toEqual(["found", "unavailable"]);
    time.now += RETRY_AFTER_FAILURE_MS;
    expect(await find()).toBe("unavailable");
    issuer.answer = goodSet;
    time.now += RETRY_AFTER_FAILURE_MS;
    expect(await find()).toBe("found");
    issuer.answer = () => Response.json({ keys: [] });
    expect(await find()).toBe("found");
    time.now += FRESH_MS;
    expect(await find()).toBe("none");
  });

  test("SEC-T1 a new key is found within seconds; unknown key names do not flood the issuer", async () => {
    await using issuer = serveIssuer();
    const { time, find } = keySetOf(issuer.url);
    for (let i = 0; i < 100; i++) expect(await find(`junk${i}`)).toBe("none");
    expect(issuer.asked).toBe(1);
    issuer.answer = () => Response.json({ keys: [JWK_EC, { ...JWK_EC, kid: "k2" }] });
    expect(await find("k2")).toBe("none");
    time.now += 15_000;
    expect(await find("k2")).toBe("found");
    expect(issuer.asked).toBe(2);
  });

  test("SEC-T1 an invalid key is refused as a missing one, not as an internal error", async () => {
    await using issuer = serveIssuer(() => Response.json({ keys: [{ ...JWK_EC, x: "AAAA" }] }));
    expect(await keySetOf(issuer.url).find()).toBe("none");
  });
});

test("SEC-T1 W3 an unavailable key set gives 1013 on a socket, 503 with Retry-After over HTTP; never a final refusal", async () => {
  await using issuer = serveIssuer(() => new Response(null, { status: 503 }));
  await using server = await startTestServer({ env: { TOKEN_KEY_SET: issuer.url.href } });
  const token = issued(ec.privateKey);
  await using away = TestClient.open(`${server.wsUrl}/ws/ann/lobby?token=${token}`);
  expect((await away.closed).code).toBe(1013);
  expect(away.frames.map(({ type }) => type)).toEqual(["error", "closing"]);
  expect(away.of("error")[0]?.code).toBe("unavailable");
  expect(away.of("closing")[0]).toMatchObject({ code: 1013, reconnect: true });
  for (const [method, path] of [
    ["GET", "/me"],
    ["POST", "/ticket"],
    ["GET", "/conversations/lobby/messages"],
  ]) {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
    } as never);
    expect([path, answer.status, answer.headers.get("Retry-After")]).toEqual([path, 503, "5"]);
    expect(((await answer.json()) as { code: string }).code).toBe("unavailable");
  }
  // A renewal changes nothing, and our own tokens are as good as ever.
  await using own = await TestClient.connect(
    `${server.wsUrl}/ws/ann/lobby?token=${await server.token("ann")}`,
  );
  own.send({ type: "token", token });
  expect((await own.next("error")).code).toBe("unavailable");
  own.send({ type: "message", text: "still here" });
  await own.next("ack");
  // Foreign or outdated tokens cause no request to the issuer.
  const asked = issuer.asked;
  for (const claims of [{ iss: "another" }, { aud: "another" }, { exp: 1 }]) {
    const answer = await fetch(`${server.url}/me`, {
      headers: { Authorization: `Bearer ${issued(ec.privateKey, "k1", claims)}` },
    });
    expect(answer.status).toBe(401);
  }
  expect(issuer.asked).toBe(asked);
});
