import { expect, test } from "bun:test";
import { connect } from "../../../src/client/index.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { ParleyFolder } from "../parley-folder.ts";

test("CH4 `parley message` shows, edits and erases a message, and reacts to it", async () => {
  await using server = await startTestServer();
  await using folder = new ParleyFolder();
  const ann = connect({ url: server.url, token: await server.token("ann") });
  for (const text of ["one", "two"]) await ann.conversation("lobby").send(text);
  await ann.close();
  const as = async (user: string) => ({ PARLEY_URL: server.url, PARLEY_TOKEN: await server.token(user) });
  const users = { ann: await as("ann"), ben: await as("ben") };
  const message = (user: keyof typeof users, ...args: string[]) =>
    folder.run(["message", ...args], { env: users[user] });
  const shown = async (seq: string) =>
    (await message("ben", "get", "lobby", seq)).stdout.replace(/\d\d:\d\d:\d\d/, "12:00:00");

  const edited = await message("ann", "edit", "lobby", "1", "first", "--data", '{"n":1}', "--if-rev", "0");
  expect(edited).toMatchObject({
    code: 0,
    stdout: "#1 in lobby is changed (change 1); 97 of 100 requests left.\n",
  });
  expect(await message("ann", "edit", "lobby", "#1", "first")).toMatchObject({
    code: 0,
    stdout: "#1 in lobby was not changed: it is already as you want it. Nothing was charged.\n",
  });
  expect((await message("ben", "react", "lobby", "1", "👍", "--json")).stdout).toMatch(/"rev": 2\b/);
  expect(await shown("1")).toBe("#1 12:00:00 ann: first\n                 (edited) 👍 1\n");
  expect((await message("ben", "react", "lobby", "1", "👍", "--off")).code).toBe(0);
  const { stdout } = await message("ann", "get", "lobby", "1", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ seq: 1, text: "first", data: { n: 1 }, rev: 3 });
  expect(stdout).not.toContain("👍");
  expect((await message("ann", "erase", "lobby", "2", "--reason", "not here")).code).toBe(0);
  expect(await shown("2")).toBe("#2 12:00:00 ann: (erased by ann: not here)\n");

  // Refusals are sentences, and change nothing.
  expect(await message("ben", "edit", "lobby", "1", "mine")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Only its own user may edit a message"),
  });
  expect(await message("ann", "edit", "lobby", "1", "late", "--if-rev", "0")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("edited"),
  });
  expect(await message("ann", "erase", "lobby", "1", "--reason", "not\u001b[31m here")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("`reason`: must have no control characters."),
  });
  expect((await message("ann", "react", "--help")).stdout).not.toContain("--conversation");
  for (const wrong of [
    ["edit", "lobby", "1"],
    ["get", "lobby", "first"],
    // The conversation is the first word; no flag stands for it.
    ["react", "1", "👍", "--conversation", "lobby"],
  ])
    expect((await message("ann", ...wrong)).code).toBe(2);
});
