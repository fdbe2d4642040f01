import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ParleyFolder } from "../parley-folder.ts";

const PASSWORD = "correct horse";

/** A folder with the demo accounts, and a server on it. */
const demo = new ParleyFolder();
beforeAll(() => demo.serve());
afterAll(() => demo[Symbol.asyncDispose]());

test("an account lives from add to remove, and its hash is never shown", async () => {
  await using folder = new ParleyFolder();
  await folder.serve([], { DEMO_ACCOUNTS: "false" });
  const user = (...args: string[]) => folder.run(["user", ...args], { stdin: `${PASSWORD}\n` });

  expect(await user("add", "ada", "--plan", "basic", "--password-stdin")).toEqual({
    code: 0,
    stdout: "Added ada with the plan basic.\n",
    stderr: `store: ${folder.path}/data\n`,
  });
  expect((await user("add", "ada", "--password-stdin")).stderr).toBe(
    "parley: There is already a user ada; see `parley user show ada`.\n",
  );
  expect(await user("set-plan", "ada", "premium")).toMatchObject({ code: 0 });
  expect(await user("disable", "ada")).toMatchObject({ code: 0, stdout: "Disabled ada.\n" });
  expect((await folder.run(["token", "ada"])).stderr).toContain("The account ada is disabled");

  const listed = await user("list", "--json");
  expect(JSON.parse(listed.stdout)).toEqual([
    {
      user: "ada",
      plan: "premium",
      disabled: true,
      demo: false,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ]);
  expect(await user("enable", "ada")).toMatchObject({ code: 0 });
  const shown = await user("show", "ada");
  expect(shown.stdout).toContain("plan     premium\nstate    enabled\n");
  expect(listed.stdout + shown.stdout).not.toContain("$2");

  expect(await user("set-password", "ada", "--password-stdin")).toMatchObject({ code: 0 });
  expect(await user("remove", "ada")).toMatchObject({ code: 0, stdout: "Removed ada.\n" });
  expect(await user("list")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("There are no accounts"),
  });
});

test("MB4 `remove` leaves the conversations of the account to others before the account is gone", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve([], { DEMO_ACCOUNTS: "false" });
  for (const user of ["ada", "ben", "cem"])
    await folder.run(["user", "add", user, "--password-stdin"], { stdin: `${PASSWORD}\n` });
  const tokens = new Map<string, string>();
  for (const user of ["ada", "ben"]) tokens.set(user, (await folder.run(["token", user])).stdout.trim());
  const send = async (user: string, path: string, body?: object) => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${tokens.get(user)}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return response.json() as Promise<Record<string, unknown>>;
  };
  const members = [{ user: "cem" }, { user: "ben", role: "moderator" }];
  const { conversation } = await send("ada", "/conversations", { access: "members", members });
  expect(await folder.run(["user", "remove", "ada"])).toMatchObject({
    code: 0,
    stdout: "Removed ada, who has left 1 conversation.\n",
  });
  const { members: left } = await send("ben", `/conversations/${conversation}/members`);
  expect(left).toMatchObject([
    { user: "ben", role: "owner" },
    { user: "cem", role: "member" },
  ]);
  // Another account of the name is not a member of what the first one left.
  await folder.run(["user", "add", "ada", "--password-stdin"], { stdin: `${PASSWORD}\n` });
  tokens.set("ada", (await folder.run(["token", "ada"])).stdout.trim());
  expect(await send("ada", `/conversations/${conversation}/members`)).toMatchObject({ code: "forbidden" });
  const again = await folder.run(["user", "remove", "nobody"]);
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toContain('no user "nobody"');
});

test("SEC-S1 invalid accounts are refused in one line, with exit code 2 where the call is wrong", async () => {
  const add = (name: string, stdin: string, ...more: string[]) =>
    demo.run(["user", "add", name, ...more], { stdin });
  const refusals = await Promise.all([
    add("ada", "1234567\n", "--password-stdin"),
    add("ada", "ü".repeat(37), "--password-stdin"),
    add("ada", PASSWORD),
    add("ada", PASSWORD, "--password-stdin", "--plan", "gold"),
    add("a b", PASSWORD, "--password-stdin"),
    demo.run(["user", "show", "nobody"]),
    demo.run(["user", "set-plan", "nobody", "free"]),
    demo.run(["token", "ada", "--plan", "gold"]),
    demo.run(["token", "ada", "--lifetime", "1h"]),
  ]);
  const reasons: readonly (readonly [code: number, reason: string])[] = [
    [1, "at least 8"],
    [1, "at most 72"],
    [2, "add --password-stdin"],
    [2, 'no plan "gold"; PLANS has free, basic, premium'],
    [2, '"a b" is not a valid user name'],
    [1, 'no user "nobody"'],
    [1, 'no user "nobody"'],
    [2, 'no plan "gold"'],
    [2, '--lifetime="1h" must be a whole number'],
  ];
  refusals.forEach(({ code, stdout, stderr }, i) => {
    const [expected, reason] = reasons[i]!;
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/^(?:parley|error): [^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
  });
});

test("token prints only a token, signed with the key of the data folder", async () => {
  const { code, stdout, stderr } = await demo.run(["token", "ada", "--plan", "basic", "--lifetime", "60"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);

  const [header = "", body = "", signature = ""] = stdout.trim().split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  expect(claims).toMatchObject({
    sub: "ada",
    plan: "basic",
    iss: "parley",
    aud: "parley",
    exp: Math.floor(claims.iat) + 60,
  });
  const path = join(demo.path, "data/secret.key");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const key = readFileSync(path, "utf8").trim();
  const expected = new Bun.CryptoHasher("sha256", key).update(`${header}.${body}`).digest("base64url");
  expect(signature).toBe(expected);
});

test("A1 a token is signed with exactly the requested rights and conversations", async () => {
  const sign = (...args: string[]) => demo.run(["token", "ada", ...args]);
  const { stdout } = await sign("--conversations", "lobby,team-*", "--rights", "read");
  const claims = JSON.parse(Buffer.from(stdout.split(".")[1]!, "base64url").toString());
  expect(claims).toMatchObject({ conversations: ["lobby", "team-*"], rights: ["read"] });
  for (const wrong of [
    ["--conversations", "te*m"],
    ["--rights", "admin"],
  ])
    expect(await sign(...wrong)).toMatchObject({ code: 2, stdout: "" });
});
