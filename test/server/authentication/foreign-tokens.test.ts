import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { createKeys } from "../../../src/server/authentication/keys.ts";
import { verifyToken } from "../../../src/server/authentication/tokens.ts";

const SECRET = "8tVn3xQ0kLr6Yw2Zb9Hs5Jd1Gf4Pc7Ma";
const keys = await createKeys(
  { tokenIssuer: "parley", tokenAudience: "parley", tokenLifetime: 1800, tokenLeeway: 30 },
  SECRET,
);

/** The first block of docs/TOKENS.md in `language`. */
async function documented(language: string): Promise<string> {
  const page = await Bun.file(new URL("../../../docs/TOKENS.md", import.meta.url)).text();
  const code = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)?.[1];
  if (code === undefined) throw new Error(`docs/TOKENS.md has no block in ${language}.`);
  return code;
}

async function run(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { env: { ...process.env, SECRET_KEY: SECRET }, stderr: "inherit" });
  const output = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return output.trim();
}

async function expectCarol(token: string): Promise<void> {
  const verdict = await verifyToken(keys, token, Date.now());
  expect(verdict).toMatchObject({ ok: true, token: { subject: "carol", plan: "basic" } });
}

describe("tokens that an application signs (docs/TOKENS.md)", () => {
  test("SEC-T1 the document's Node lines, run by Node, make a token that is accepted", async () => {
    await expectCarol(await run(["node", "--input-type=module", "-e", await documented("js")]));
  });

  test.skipIf(Bun.which("python3") === null)(
    "SEC-T1 the document's Python lines, run by Python, make a token that is accepted",
    async () => expectCarol(await run(["python3", "-c", await documented("python")])),
  );

  test("SEC-T1 any JSON spelling and any user is accepted, if claims and signature are right", async () => {
    const encode = (text: string) => Buffer.from(text).toString("base64url");
    const now = Date.UTC(2025, 0, 1);
    for (let i = 1; i <= 200; i++) {
      const sub = "aZ0._:@-".repeat(16).slice(0, 1 + (i % 128));
      const claims = {
        plan: "basic",
        jti: `${i}`,
        exp: now / 1000 + i,
        iat: now / 1000 - i,
        sub,
        other: "é😀",
      };
      const body = JSON.stringify(
        { aud: i % 2 ? "parley" : ["other", "parley"], ...claims, iss: "parley" },
        null,
        i % 4,
      );
      const unsigned = `${encode('{ "typ":"at+jwt",\n"alg": "HS256" }')}.${encode(body)}`;
      const token = `${unsigned}.${createHmac("sha256", SECRET).update(unsigned).digest("base64url")}`;
      expect(await verifyToken(keys, token, now)).toEqual({
        ok: true,
        token: {
          subject: sub,
          id: `${i}`,
          issuedAt: now - i * 1000,
          expiresAt: now + i * 1000,
          plan: "basic",
          grants: {},
        },
      });
    }
  });
});
