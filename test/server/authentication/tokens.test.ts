import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { CompactEncrypt, exportJWK } from "jose";
import { signToken, verifyToken } from "../../../src/server/authentication/tokens.ts";
import { base64url, goodClaims, handMade, TEST_SECRET, testKeys } from "../../support/server/tokens.ts";

const NOW = Date.UTC(2025, 0, 1);
const HEADER = { alg: "HS256", typ: "at+jwt" };
const keys = await testKeys();

/** The code of the refusal, or the subject that was accepted. */
async function check(token: string, now = NOW, under = keys): Promise<string> {
  const verdict = await verifyToken(under, token, now);
  return verdict.ok ? verdict.token.subject : verdict.code;
}

describe("SEC-T1 the algorithm is pinned", () => {
  test("SEC-T1 a token we signed is accepted, with its claims", async () => {
    const token = await signToken(keys, { subject: "ann", plan: "basic", lifetime: 60, now: NOW });
    const verdict = await verifyToken(keys, token, NOW);
    expect(verdict).toEqual({
      ok: true,
      token: {
        subject: "ann",
        plan: "basic",
        id: expect.any(String),
        issuedAt: NOW,
        expiresAt: NOW + 60_000,
        grants: {},
      },
    });
    expect(await check(handMade(HEADER, goodClaims(NOW)))).toBe("ann");
  });

  test("SEC-T1 alg none, in any spelling, with and without a signature", async () => {
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      const unsigned = `${base64url({ ...HEADER, alg })}.${base64url(goodClaims(NOW))}`;
      expect(await check(`${unsigned}.`)).toBe("unauthorized");
      expect(await check(`${unsigned}.AA`)).toBe("unauthorized");
      expect(await check(handMade({ ...HEADER, alg }, goodClaims(NOW)))).toBe("unauthorized");
    }
  });

  test("SEC-T1 no other algorithm is accepted, even if its key would fit", async () => {
    for (const alg of ["HS384", "HS512", "hs256", "RS256", "ES256K", "dir", "__proto__", "constructor"])
      expect(await check(handMade({ ...HEADER, alg }, goodClaims(NOW)))).toBe("unauthorized");
    for (const alg of [undefined, null, 1, ["HS256"], { alg: "HS256" }])
      expect(await check(handMade({ ...HEADER, alg }, goodClaims(NOW)))).toBe("unauthorized");
    const unsigned = `${base64url({ ...HEADER, alg: "HS512" })}.${base64url(goodClaims(NOW))}`;
    const signature = createHmac("sha512", TEST_SECRET).update(unsigned).digest("base64url");
    expect(await check(`${unsigned}.${signature}`)).toBe("unauthorized");
  });

  test("SEC-T1 another key, a changed claim, a changed signature", async () => {
    expect(await check(handMade(HEADER, goodClaims(NOW), `${TEST_SECRET}!`))).toBe("unauthorized");
    const [header, , signature] = handMade(HEADER, goodClaims(NOW)).split(".");
    const changed = base64url({ ...goodClaims(NOW), sub: "bob" });
    expect(await check(`${header}.${changed}.${signature}`)).toBe("unauthorized");
    expect(await check(`${header}.${base64url(goodClaims(NOW))}.${base64url("wrong")}`)).toBe("unauthorized");
  });

  test("SEC-T1 a key in the token, or an address to fetch one from, is never used", async () => {
    await using attacker = serveAttackersKeys();
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), alg: "RS256", kid: "a" };
    const fields = { jku: attacker.url, x5u: attacker.url, jwk, x5c: ["MIIB"] };
    for (const [field, value] of Object.entries(fields)) {
      const unsigned = `${base64url({ alg: "RS256", typ: "at+jwt", kid: "a", [field]: value })}.${base64url(goodClaims(NOW))}`;
      const token = `${unsigned}.${sign("sha256", Buffer.from(unsigned), privateKey).toString("base64url")}`;
      expect(await check(token)).toBe("unauthorized");
      expect(await check(handMade({ ...HEADER, [field]: value }, goodClaims(NOW)))).toBe("unauthorized");
    }
    expect(attacker.requests()).toBe(0);
  });

  test("SEC-T1 JWE is refused, also in three parts", async () => {
    const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(goodClaims(NOW))))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: "at+jwt" })
      .encrypt(Buffer.from(TEST_SECRET));
    expect(await check(jwe)).toBe("unauthorized");
    expect(await check(handMade({ ...HEADER, enc: "A256GCM" }, goodClaims(NOW)))).toBe("unauthorized");
  });

  test("SEC-T1 `crit` is refused, whatever it names", async () => {
    for (const crit of [["b64"], ["exp"], [], null]) {
      const header = { ...HEADER, crit, b64: true };
      expect(await check(handMade(header, goodClaims(NOW)))).toBe("unauthorized");
    }
    expect(await check(handMade({ ...HEADER, b64: false }, goodClaims(NOW)))).toBe("unauthorized");
  });
});

describe("SEC-T2 the form, before the library parses it", () => {
  // A signature of 43 characters: the last one carries 4 bits that mean something and 2 that do not.
  const good = handMade(HEADER, goodClaims(NOW));
  const [header, claims, signature] = good.split(".") as [string, string, string];
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const sibling = (text: string) => {
    const last = ALPHABET.indexOf(text.at(-1)!);
    return text.slice(0, -1) + ALPHABET[last ^ 1];
  };
  /** Signed again, so that only the form is wrong. */
  const signedParts = (first: string, second: string) =>
    `${first}.${second}.${createHmac("sha256", TEST_SECRET).update(`${first}.${second}`).digest("base64url")}`;
  // JSON may be padded with spaces until its length leaves bits over at the end.
  const loose = (value: object) => {
    let text = JSON.stringify(value);
    while (Buffer.byteLength(text) % 3 !== 1) text += " ";
    return base64url(text);
  };

  test("SEC-T2 the canonical form is accepted", async () => {
    expect(await check(good)).toBe("ann");
    expect(await check(signedParts(loose(HEADER), loose(goodClaims(NOW))))).toBe("ann");
  });

  const vectors: [why: string, token: string][] = [
    ["trailing bits in the signature", `${header}.${claims}.${sibling(signature)}`],
    ["trailing bits in the header", signedParts(sibling(loose(HEADER)), claims)],
    ["trailing bits in the claims", signedParts(header, sibling(loose(goodClaims(NOW))))],
    ["padding", `${good}=`],
    ["padding of the header", signedParts(`${loose(HEADER)}==`, claims)],
    ["a space before", ` ${good}`],
    ["a space after", `${good} `],
    ["a line feed after", `${good}\n`],
    ["a tab inside", `${header}.${claims}.${signature.slice(0, 9)}\t${signature.slice(9)}`],
    ["a NUL after", `${good}\0`],
    [
      "the alphabet of base64",
      handMade(HEADER, { ...goodClaims(NOW), x: "???>>>" })
        .replaceAll("_", "/")
        .replaceAll("-", "+"),
    ],
    ["+ in the signature", `${header}.${claims}.+${signature.slice(1)}`],
    ["a letter outside ASCII", `${header}.${claims}.${signature}é`],
    ["a dot after", `${good}.`],
    ["a dot before", `.${good}`],
    ["four segments", `${good}.AAAA`],
    ["five segments", `${good}.AAAA.AAAA`],
    ["two segments", `${header}.${claims}`],
    ["one segment", header],
    ["an empty signature", `${header}.${claims}.`],
    ["an empty header", `.${claims}.${signature}`],
    ["empty claims", signedParts(header, "")],
    ["nothing", ""],
    ["a length no base64 has", `${header}.${claims}.${signature}AA`],
    ["a header that is not JSON", signedParts(base64url("{"), claims)],
    ["a header that is an array", signedParts(base64url("[]"), claims)],
    ["a header that is null", signedParts(base64url("null"), claims)],
    ["a header that is not UTF-8", signedParts(base64url(Uint8Array.of(0x7b, 0xff, 0x7d)), claims)],
    ["claims that are not JSON", signedParts(header, base64url("ann"))],
    ["claims that are an array", signedParts(header, base64url("[]"))],
  ];
  test.each(vectors)("SEC-T2 %s: refused", async (_why, token) => {
    expect(await check(token)).toBe("unauthorized");
  });

  test("SEC-T2 no other spelling: a token with any character exchanged, left out or doubled is refused", async () => {
    for (let i = 0; i < good.length; i++) {
      const [before, after] = [good.slice(0, i), good.slice(i + 1)];
      const other = good[i] === "A" ? "B" : "A";
      for (const token of [before + after, before + other + after, before + good[i] + good[i] + after])
        expect(await check(token)).toBe("unauthorized");
    }
  });

  test("SEC-T2 at most 4,096 bytes", async () => {
    const ofLength = (bytes: number) => {
      for (let fill = 2000; fill < 4000; fill++) {
        const token = handMade(HEADER, { ...goodClaims(NOW), fill: "x".repeat(fill) });
        if (token.length === bytes) return token;
      }
      return undefined;
    };
    expect(await check((ofLength(4096) ?? ofLength(4095))!)).toBe("ann");
    expect(await check((ofLength(4097) ?? ofLength(4098))!)).toBe("unauthorized");
    expect(await check("é".repeat(4096))).toBe("unauthorized");
  });
});

describe("SEC-T3 required claims", () => {
  const without = (name: string) => {
    const { [name]: _, ...rest } = goodClaims(NOW);
    return rest;
  };

  test.each(["iss", "aud", "sub", "iat", "exp", "jti"])("SEC-T3 without `%s`: refused", async (name) => {
    expect(await check(handMade(HEADER, without(name)))).toBe("unauthorized");
    expect(await check(handMade(HEADER, { ...goodClaims(NOW), [name]: null }))).toBe("unauthorized");
    expect(await check(handMade(HEADER, { ...goodClaims(NOW), [name]: {} }))).toBe("unauthorized");
  });

  const wrong: [claim: string, value: unknown][] = [
    ["iss", "other"],
    ["iss", ["parley"]],
    ["aud", "other"],
    ["aud", []],
    ["sub", ""],
    ["sub", "ann smith"],
    ["sub", "ann/lobby"],
    ["sub", "x".repeat(129)],
    ["sub", 7],
    ["jti", ""],
    ["jti", 7],
    ["jti", "x".repeat(257)],
    ["iat", "2025"],
    ["iat", -1],
    ["exp", "never"],
    ["exp", NOW / 1000 - 1],
    ["plan", 7],
  ];
  test.each(wrong)("SEC-T3 `%s` %p: refused", async (claim, value) => {
    expect(await check(handMade(HEADER, { ...goodClaims(NOW), [claim]: value }))).toBe("unauthorized");
  });

  test("SEC-T3 a number that JSON reads as infinite is no time", async () => {
    const claims = JSON.stringify(goodClaims(NOW)).replace(/"exp":\d+/, '"exp":1e999');
    expect(claims).toContain("1e999");
    expect(await check(handMade(HEADER, claims))).toBe("unauthorized");
  });

  test("SEC-T3 `typ` must be at+jwt: a token for another purpose is refused", async () => {
    for (const typ of ["JWT", "jwt", "dpop+jwt", "", undefined, 1])
      expect(await check(handMade({ ...HEADER, typ }, goodClaims(NOW)))).toBe("unauthorized");
    // RFC 9068 §4 allows both forms, and media types know no case.
    for (const typ of ["application/at+jwt", "AT+JWT"])
      expect(await check(handMade({ ...HEADER, typ }, goodClaims(NOW)))).toBe("ann");
  });

  test("SEC-T3 leeway: 30 s on each edge, and not a second more", async () => {
    const token = await signToken(keys, { subject: "ann", now: NOW });
    const end = NOW + 1_800_000;
    expect(await check(token, end + 29_999)).toBe("ann");
    expect(await check(token, end + 30_000)).toBe("token_expired");
    expect(await check(token, NOW - 30_000)).toBe("ann");
    expect(await check(token, NOW - 30_001)).toBe("unauthorized");
    const notBefore = handMade(HEADER, { ...goodClaims(NOW), nbf: NOW / 1000 + 60 });
    expect(await check(notBefore, NOW + 29_999)).toBe("unauthorized");
    expect(await check(notBefore, NOW + 30_000)).toBe("ann");
  });

  test("SEC-T3 a token is valid for 30 minutes by default", async () => {
    const read = async (lifetime?: number) => {
      const request = { subject: "ann", now: NOW, ...(lifetime !== undefined && { lifetime }) };
      const verdict = await verifyToken(keys, await signToken(keys, request), NOW);
      return verdict.ok ? (verdict.token.expiresAt - verdict.token.issuedAt) / 1000 : undefined;
    };
    expect(await read()).toBe(1800);
    expect(await read(60)).toBe(60);
  });

  test("A1 a token's grants are returned as signed, and a token with a damaged grant is refused", async () => {
    const grants = { conversations: ["lobby", "team-*"], rights: ["read" as const] };
    const verdict = await verifyToken(keys, await signToken(keys, { subject: "ann", grants, now: NOW }), NOW);
    expect(verdict).toMatchObject({ ok: true, token: { grants } });
    for (const claims of [{ conversations: "lobby" }, { conversations: ["a/b"] }, { rights: ["admin"] }])
      expect(await check(handMade(HEADER, { ...goodClaims(NOW), ...claims }))).toBe("unauthorized");
  });

  test("SEC-T5 a token has its issue time to the millisecond, so that revoking spares newer ones", async () => {
    const now = NOW + 123;
    const verdict = await verifyToken(keys, await signToken(keys, { subject: "ann", now }), now);
    expect(verdict).toMatchObject({ ok: true, token: { issuedAt: now, expiresAt: NOW + 1_800_000 } });
  });

  test("SEC-T3 each token has its own id", async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const verdict = await verifyToken(keys, await signToken(keys, { subject: "ann", now: NOW }), NOW);
      if (verdict.ok) ids.add(verdict.token.id);
    }
    expect(ids.size).toBe(50);
  });

  test("SEC-T3 an expired token with a second error is not reported as expired", async () => {
    const old = { ...goodClaims(NOW), exp: NOW / 1000 - 3600, iat: NOW / 1000 - 7200 };
    expect(await check(handMade(HEADER, old))).toBe("token_expired");
    expect(await check(handMade(HEADER, old, "x".repeat(32)))).toBe("unauthorized");
    expect(await check(handMade(HEADER, { ...old, aud: "other" }))).toBe("unauthorized");
  });
});

const OLD = "oldOLDoldOLDoldOLDoldOLDoldOLD12";
const rotated = await testKeys({ secretKeyPrevious: OLD });

describe("SEC-T4 rotation", () => {
  test("SEC-T4 tokens of the previous key are accepted until they expire; new ones use the new key", async () => {
    const old = await signToken(await testKeys({}, OLD), { subject: "ann", now: NOW });
    expect(await check(old, NOW, rotated)).toBe("ann");
    expect(await check(old, NOW + 1_830_000, rotated)).toBe("token_expired");
    expect(await check(old)).toBe("unauthorized");
    const fresh = await signToken(rotated, { subject: "ann", now: NOW });
    expect(await check(fresh)).toBe("ann");
    expect(await check(fresh, NOW, await testKeys({}, OLD))).toBe("unauthorized");
  });

  test("SEC-T4 any third key is refused", async () => {
    expect(await check(handMade(HEADER, goodClaims(NOW), "z".repeat(32)), NOW, rotated)).toBe("unauthorized");
  });
});

describe("SEC-T7 no content of a token in a reason", () => {
  test("SEC-T7 the reasons for refusals contain nothing of the token", async () => {
    for (const claims of [
      { ...goodClaims(NOW), sub: "s3cret sub" },
      { ...goodClaims(NOW), iss: "s3cret" },
    ]) {
      const token = handMade({ ...HEADER, kid: "s3cret" }, claims);
      const verdict = await verifyToken(keys, token, NOW);
      expect(verdict.ok ? "" : verdict.reason).toMatch(/^The token is not valid: .*\.$/);
      expect(JSON.stringify(verdict)).not.toContain("s3cret");
    }
  });
});

/** A key set that must never be asked for. */
function serveAttackersKeys() {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch() {
      requests++;
      return Response.json({ keys: [] });
    },
  });
  return { url: server.url.href, requests: () => requests, [Symbol.asyncDispose]: () => server.stop(true) };
}
