import { expect, test } from "bun:test";
import { TestClient } from "../../support/clients/test-client.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("A3 SEC-T5 `revoke` signs out a token or a user on a running server, and does not affect later sign-ins", async () => {
  await using folder = new ParleyFolder();
  const server = await folder.serve();
  const newToken = async (user: string) => (await folder.run(["token", user])).stdout.trim();
  const status = async (token: string) => {
    const response = await fetch(`${server.url}/me`, { headers: { Authorization: `Bearer ${token}` } });
    const body = (await response.json()) as { code?: string };
    return [response.status, body.code];
  };
  const [first, second, other] = [await newToken("ada"), await newToken("ada"), await newToken("ben")];
  /** How a socket of `token` ends. */
  const ending = async (token: string) => {
    const client = await TestClient.connect(
      `${server.url.replace(/^http/, "ws")}/ws/ada/lobby?token=${token}`,
    );
    return (await client.closed).code;
  };
  // Wrapped, or waiting for the sockets to be open would be waiting for their end.
  const [firstEnds, secondEnds] = [{ code: ending(first) }, { code: ending(second) }];

  expect(await folder.run(["revoke", "--token", first])).toEqual({
    code: 0,
    stdout: "Revoked the token.\n",
    stderr: `store: ${folder.path}/data\n`,
  });
  expect(await status(first)).toEqual([401, "token_revoked"]);
  expect(await firstEnds.code).toBe(4401);
  expect(await status(second)).toEqual([200, undefined]);

  expect((await folder.run(["revoke", "--user", "ada"])).stdout).toBe(
    "Signed out ada: all tokens issued until now are revoked.\n",
  );
  expect(await status(second)).toEqual([401, "token_revoked"]);
  expect(await secondEnds.code).toBe(4401);
  expect(await status(other)).toEqual([200, undefined]);
  expect(await status(await newToken("ada"))).toEqual([200, undefined]);
});

test("SEC-T5 a removed account's name is signed out, and a new password signs out sessions of the old one", async () => {
  await using folder = new ParleyFolder();
  const user = (...args: string[]) => folder.run(["user", ...args], { stdin: "correct horse\n" });
  const server = await folder.serve();
  const newToken = async () => (await folder.run(["token", "ada"])).stdout.trim();
  const code = async (token: string) => {
    const response = await fetch(`${server.url}/me`, { headers: { Authorization: `Bearer ${token}` } });
    return ((await response.json()) as { code?: string }).code;
  };
  await user("add", "ada", "--password-stdin");
  const old = await newToken();
  expect(await code(old)).toBeUndefined();
  await user("set-password", "ada", "--password-stdin");
  expect(await code(old)).toBe("token_revoked");
  const fresh = await newToken();
  expect(await code(fresh)).toBeUndefined();
  await user("remove", "ada");
  expect(await code(fresh)).toBe("token_revoked");
});

test("a wrong call of `revoke` explains its arguments", async () => {
  await using folder = new ParleyFolder();
  for (const args of [[], ["--user", "ada", "--token", "x"]])
    expect(await folder.run(["revoke", ...args])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--user <user> or --token <token>"),
    });
  expect(await folder.run(["revoke", "--user", "a b"])).toMatchObject({ code: 2, stdout: "" });
  expect(await folder.run(["revoke", "--token", "a.b.c"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("`jti`"),
  });
});
