import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { longTest } from "../../support/long-test.ts";
import { ParleyFolder } from "../parley-folder.ts";

const fileOf = (folder: ParleyFolder) => join(folder.path, ".config/parley/contexts.json");

test("contexts are added, selected, listed, shown and removed", async () => {
  await using folder = new ParleyFolder();
  const context = (...args: string[]) => folder.run(["context", ...args]);
  expect((await context("list")).stdout).toContain("There are no contexts yet");
  expect(await context("add", "local", "--url", "http://127.0.0.1:8000", "--user", "user1")).toEqual({
    code: 0,
    stdout: "Added local, which is selected.\n",
    stderr: "",
  });
  await folder.run(["context", "add", "prod", "--url", "https://chat.example.com", "--token-stdin"], {
    stdin: "secret-token\n",
  });
  await context("select", "prod");
  expect((await context("list")).stdout).toBe(
    "  local  http://127.0.0.1:8000     user1\n* prod   https://chat.example.com           with a token\n",
  );
  expect(JSON.parse((await context("list", "--json")).stdout)[1]).toEqual({
    context: "prod",
    url: "https://chat.example.com",
    user: null,
    conversation: null,
    token: true,
    selected: true,
  });
  const shown = await context("show", "--conversation", "lobby");
  expect(shown.stdout).toContain("url           https://chat.example.com  (context prod)");
  expect(shown.stdout).toContain("conversation  lobby                     (--conversation)");
  expect(shown.stdout).not.toContain("secret-token");
  expect((await context("remove", "prod")).stdout).toBe("Removed prod. No context is selected now.\n");
  expect(readFileSync(fileOf(folder), "utf8")).not.toContain("secret-token");
});

test("the file is readable by its owner only, and is not read when others can read it", async () => {
  await using folder = new ParleyFolder();
  await folder.run(["context", "add", "local", "--url", "http://127.0.0.1:8000"]);
  const path = fileOf(folder);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
  chmodSync(path, 0o640);
  const { code, stderr } = await folder.run(["context", "list"]);
  expect(code).toBe(1);
  expect(stderr).toContain("Other users can read or change the file");
});

longTest(
  "errors of a context are explained: bad name, bad address, duplicate name, unknown name, broken file",
  async () => {
    await using folder = new ParleyFolder();
    const context = (...args: string[]) => folder.run(["context", ...args]);
    expect(await context("add", "local", "--url", "127.0.0.1:8000")).toMatchObject({ code: 2, stdout: "" });
    expect(await context("add", "-x", "--url", "http://a")).toMatchObject({ code: 2 });
    expect(await context("add", "a/b", "--url", "http://a")).toMatchObject({ code: 2 });
    expect(await context("add", "local")).toMatchObject({ code: 2 });
    await context("add", "local", "--url", "http://a");
    expect(await context("add", "local", "--url", "http://b")).toMatchObject({ code: 1 });
    expect(await context("add", "local", "--url", "http://b", "--replace")).toMatchObject({ code: 0 });
    expect((await context("select", "prod")).stderr).toContain("the contexts are local");
    folder.write(".config/parley/contexts.json", "{");
    expect((await context("list")).stderr).toContain("is not a valid contexts file");
  },
);
