// Runs the README's commands for operators as printed, from the first to the last.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { blocksOf, readPage } from "./pages.ts";

/** The README's blocks of commands that hold `word`. */
function commands(word: string): string[][] {
  const block = blocksOf(readPage("README.md")).find(({ text }) => text.includes(`npx parley ${word} `));
  return block!.text
    .trim()
    .split("\n")
    .map((line) => line.replace(/^npx parley /, "").replace(/ > .*$/, ""))
    .map((line) => line.split(" "));
}

test("the README's commands for users and conversations all succeed, one after the other", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  const output = await folder.run(["chat", "lobby", "--url", url, "--user", "user1"], { stdin: "hello\n" });
  expect(output.code).toBe(0);
  for (const command of [...commands("user"), ...commands("conversation")]) {
    // There is no terminal to ask for the password on.
    const [args, stdin] =
      command[1] === "add" ? [[...command, "--password-stdin"], "correct horse"] : [command];
    expect({ command, ...(await folder.run(args, { stdin: stdin ?? "" })) }).toMatchObject({
      command,
      code: 0,
    });
  }
});

test("the README's sign.mjs with the first start's key signs in, as carol and with the token's plan", async () => {
  await using folder = new ParleyFolder();
  const { url } = await folder.serve();
  const page = readPage("README.md");
  folder.write("sign.mjs", blocksOf(page).find(({ words }) => words[0] === "js")!.text);
  const [, call = ""] = /`(SECRET_KEY=\$\(cat [^`]*sign\.mjs)`/.exec(page) ?? [];
  const shell = Bun.spawn(["sh", "-c", call], { cwd: folder.path });
  const token = (await new Response(shell.stdout).text()).trim();
  const answer = await fetch(`${url}/me`, { headers: { Authorization: `Bearer ${token}` } });
  expect(await answer.json()).toMatchObject({ user: "carol", plan: "basic" });
  expect(readFileSync(join(folder.path, "data/secret.key"), "utf8").trim().length).toBeGreaterThan(31);
});
