import { expect, test } from "bun:test";
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
    expect(await folder.run(["api-key", ...args])).toMatchObject({ code: 1, stdout: "" });
});

test("A4 a key used as an entry of API_KEYS stops the start, and is not repeated in the error", async () => {
  await using folder = new ParleyFolder();
  const { code, stdout, stderr } = await folder.run(["serve"], { env: { API_KEYS: "pk_s3cret:x:read" } });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("API_KEYS");
  expect(stderr).toContain("is a key itself");
  expect(stderr).not.toContain("s3cret");
});
