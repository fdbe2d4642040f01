import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK, type JWK } from "jose";
import { verifyToken } from "../../../src/server/authentication/tokens.ts";
import { base64url, goodClaims, handMade, testKeys } from "../../support/server/tokens.ts";

const NOW = Date.UTC(2025, 0, 1);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");

/** Signs as another issuer does, with the header it likes. */
function issued(header: object, key: KeyObject): string {
  const unsigned = `${base64url({ typ: "at+jwt", ...header })}.${base64url(goodClaims(NOW))}`;
  const { alg } = header as { alg: string };
  const input = Buffer.from(unsigned);
  const signature =
    alg === "ES256"
      ? sign("sha256", input, { key, dsaEncoding: "ieee-p1363" })
      : alg === "PS256"
        ? sign("sha256", input, { key, padding: 6, saltLength: 32 })
        : sign(alg === "EdDSA" ? null : "sha256", input, key);
  return `${unsigned}.${signature.toString("base64url")}`;
}

/** An issuer's key set on a real address. */
async function serveKeySet(...extra: JWK[]) {
  const published = [
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa", alg: "RS256" },
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa-unsaid" },
    { ...(await exportJWK(ec.publicKey)), kid: "ec" },
    { ...(await exportJWK(ed.publicKey)), kid: "ed", alg: "EdDSA" },
    ...extra,
  ];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json({ keys: published }),
  });
  const keys = await testKeys({ tokenKeySet: server.url.href });
  return {
    async check(token: string): Promise<string> {
      const verdict = await verifyToken(keys, token, NOW);
      return verdict.ok ? verdict.token.subject : verdict.reason;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

describe("SEC-T1 another issuer's key set", () => {
  test("SEC-T1 its tokens are accepted like ours", async () => {
    await using issuer = await serveKeySet();
    expect(await issuer.check(issued({ alg: "RS256", kid: "rsa" }, rsa.privateKey))).toBe("ann");
    expect(await issuer.check(issued({ alg: "RS256", kid: "rsa-unsaid" }, rsa.privateKey))).toBe("ann");
    expect(await issuer.check(issued({ alg: "ES256", kid: "ec" }, ec.privateKey))).toBe("ann");
    expect(await issuer.check(issued({ alg: "EdDSA", kid: "ed" }, ed.privateKey))).toBe("ann");
    expect(await issuer.check(handMade({ alg: "HS256", typ: "at+jwt" }, goodClaims(NOW)))).toBe("ann");
  });

  test("SEC-T1 each key serves one algorithm", async () => {
    await using issuer = await serveKeySet();
    for (const kid of ["rsa", "rsa-unsaid"])
      expect(await issuer.check(issued({ alg: "PS256", kid }, rsa.privateKey))).toContain("no key");
  });

  test("SEC-T1 HS/RS confusion: the public key is no HMAC secret, in any form", async () => {
    const secret = Buffer.from("secret-in-a-key-set-secret-in-a-key-set");
    await using issuer = await serveKeySet({
      kty: "oct",
      k: secret.toString("base64url"),
      kid: "oct",
      alg: "HS256",
    });
    const jwk = JSON.stringify(await exportJWK(rsa.publicKey));
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
    const der = rsa.publicKey.export({ type: "spki", format: "der" });
    for (const forged of [pem, pem.toString().trim(), der, jwk, secret]) {
      for (const kid of ["rsa", "oct", undefined]) {
        const token = handMade({ alg: "HS256", typ: "at+jwt", kid }, goodClaims(NOW), forged);
        expect(await issuer.check(token)).toContain("signature");
      }
    }
  });

  test("SEC-T1 a token whose key is not in the set, or not named, is refused", async () => {
    await using issuer = await serveKeySet();
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(await issuer.check(issued({ alg: "ES256", kid: "ec" }, stranger.privateKey))).toContain(
      "signature",
    );
    expect(await issuer.check(issued({ alg: "ES256", kid: "other" }, ec.privateKey))).toContain("no key");
    expect(await issuer.check(issued({ alg: "ES256" }, ec.privateKey))).toContain("no key");
  });

  test("SEC-T1 without a key set no asymmetric token is accepted; with an unavailable one its validity is unknown", async () => {
    const token = issued({ alg: "RS256", kid: "rsa" }, rsa.privateKey);
    expect((await verifyToken(await testKeys(), token, NOW)).ok).toBe(false);
    const away = await testKeys({ tokenKeySet: "http://127.0.0.1:1/keys" });
    expect(await verifyToken(away, token, NOW)).toMatchObject({ ok: false, code: "unavailable" });
    const ours = handMade({ alg: "HS256", typ: "at+jwt" }, goodClaims(NOW));
    expect((await verifyToken(away, ours, NOW)).ok).toBe(true);
  });
});
