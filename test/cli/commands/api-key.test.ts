import { expect, test } from "bun:test";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("A1 `api-key` makes a key that works once its entry is in API_KEYS, and explains a wrong call", async () => {
  await using folder = new ParleyFolder();
  const made = await folder.run(["api-key", "billing", "--rights", "write", "--json"]);
  expect(made.code).toBe(0);
  const { key, entry } = JSON.parse(made.stdout) as { key: string; entry: string };
  expect(key).toMatch(/^pk_[\w-]{43}$/);
  expect(entry).toMatch(/^billing:[0-9a-f]{64}:write$/);

  const server = await folder.serve([], { API_KEYS: entry });
  const response = await fetch(`${server.url}/conversations/lobby/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}` },
    body: JSON.stringify({ text: "paid", from: "billing-system" }),
  });
  expect(response.status).toBe(201);

  const shown = await folder.run(["api-key", "billing"]);
  expect(shown.stdout).toMatch(/^key +pk_[\w-]{43}\nAPI_KEYS +billing:[0-9a-f]{64}:read\+write\n$/);
  expect(shown.stdout).not.toContain(key);
  for (const args of [["a b"], ["billing", "--rights", "all"]])
    expect(await folder.run(["api-key", ...args])).toMatchObject({ code: 2, stdout: "" });
});

test("OA1 `api-key add` makes a key that running servers accept, `list` shows it and `revoke` ends it", async () => {
  await using folder = new ParleyFolder();
  const early = await folder.run(["api-key", "add", "crm"]);
  expect(early).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("There is no store") });
  const server = await folder.serve();
  const made = await folder.run(["api-key", "add", "crm", "--rights", "manage"]);
  expect(made.stdout).toMatch(/^pk_[\w-]{43}\n$/);
  const limits = ["--conversation", "team-*", "--conversation", "lobby", "--json"];
  const limited = JSON.parse((await folder.run(["api-key", "add", "bot", ...limits])).stdout);
  expect(limited).toMatchObject({
    name: "bot",
    rights: ["read", "write"],
    conversations: ["team-*", "lobby"],
  });
  const status = async (path: string, key: string) =>
    (await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${key}` } })).status;
  const key = made.stdout.trim();
  await waitUntil("the server accepts it", async () => (await status("/users", key)) === 200);
  await waitUntil("the server accepts the other, too", async () => {
    return (await status("/conversations/lobby/messages", limited.key)) === 200;
  });
  expect(await status("/conversations/other/messages", limited.key)).toBe(403);

  const listed = await folder.run(["api-key", "list"]);
  expect(listed.stdout).toMatch(
    /^bot +read\+write +team-\* lobby +\S+Z +–\ncrm +manage +all conversations +\S+Z +–\n$/,
  );
  const { key: _, ...facts } = limited;
  expect(JSON.parse((await folder.run(["api-key", "list", "--json"])).stdout)[0]).toEqual(facts);
  for (const args of [
    ["add", "crm"],
    ["revoke", "x"],
  ])
    expect(await folder.run(["api-key", ...args])).toMatchObject({ code: 1, stdout: "" });
  expect((await folder.run(["api-key", "revoke", "crm"])).code).toBe(0);
  await waitUntil("the server refuses it", async () => (await status("/users", key)) === 401);
});

test("A4 a key used as an entry of API_KEYS stops the start, and is not repeated in the error", async () => {
  await using folder = new ParleyFolder();
  const { code, stdout, stderr } = await folder.run(["serve"], { env: { API_KEYS: "pk_s3cret:x:read" } });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("API_KEYS");
  expect(stderr).toContain("is a key itself");
  expect(stderr).not.toContain("s3cret");
});
