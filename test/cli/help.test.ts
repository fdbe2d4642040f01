// `--help` of every command: whether it is readable, and whether its examples work as printed.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { everyCommand, program } from "../../src/cli/program.ts";
import { isLong } from "../support/random.ts";
import { MAIN, ParleyFolder, type Running } from "./parley-folder.ts";

/** The short form runs one example in so many; each is a process of the program, or several. */
const EXAMPLES_ONE_IN = 3;

let folder: ParleyFolder;
let server: Running;
/** By the words of each command, its help. */
const helps = new Map<string, string>();

beforeAll(async () => {
  folder = new ParleyFolder();
  server = await folder.serve();
  folder.write("parley", `#!/bin/sh\nexec ${process.execPath} --no-env-file ${MAIN} "$@"\n`);
  chmodSync(`${folder.path}/parley`, 0o755);
  gatherHelp();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** The help of every command, printed in this process: a process for each takes 0.2 s of processor time. */
function gatherHelp(): void {
  for (const command of everyCommand(program())) {
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    helps.set(wordsOf(command).join(" "), help);
  }
}

/** The words that name a command after `parley`. */
function wordsOf(command: Command): string[] {
  return command.parent === null ? [] : [...wordsOf(command.parent), command.name()];
}

/** The examples of all commands: lines of their own, indented. Those for fish are run by completion/shells.test.ts. */
function examples(): string[] {
  const all = [...helps.values()].flatMap((help) => [...help.matchAll(/^ {2}(parley .*)$/gm)]);
  return [...new Set(all.map(([, example]) => example!))].filter((example) => !example.endsWith("| source"));
}

test("every command has a help text, which fits on a screen of 128 columns", () => {
  expect(helps.size).toBeGreaterThan(25);
  // Flags of a server are a table of their own, in one column.
  for (const [words, help] of helps)
    if (!["serve", "doctor"].includes(words))
      for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(128);
});

test("the program prints these texts", async () => {
  for (const words of ["", "conversation member"])
    expect(await folder.run([...words.split(" ").filter(Boolean), "--help"])).toEqual({
      code: 0,
      stdout: helps.get(words)!,
      stderr: "",
    });
});

test("no help text shows an internal value of the program", () => {
  for (const help of helps.values()) expect(help).not.toMatch(/default: (\[|\{|"\d)|undefined|\bnull\b/);
});

test.skipIf(Bun.which("jq") === null)("the examples work as printed", async () => {
  // The examples find their data: ten messages of another user.
  const texts = Array.from({ length: 10 }, (_, index) => ["-x", `${index}`]).flat();
  const url = ["--url", server.url];
  expect(await folder.run(["chat", "lobby", "--user", "user2", ...texts, ...url])).toMatchObject({
    code: 0,
  });
  // One makes the recordings that others run.
  const isChosen = (example: string, index: number) =>
    index % EXAMPLES_ONE_IN === 0 || example.includes(".jsonl");
  const found = isLong ? examples() : examples().filter(isChosen);
  expect(found.length).toBeGreaterThan(5);
  for (const example of found) {
    const command = example
      .replaceAll("http://127.0.0.1:8000", server.url)
      // The example before this one makes a backup in a folder with the date of today.
      .replace(/(?<=^parley restore .*)\d{4}-\d\d-\d\d/, "$(date +%F)")
      .replaceAll("/var/backups", join(folder.path, "backups"));
    // A backup is restored where no server runs.
    const data = example.startsWith("parley restore") ? { DATA_DIR: join(folder.path, "restored") } : {};
    const shell = Bun.spawn(["bash", "-c", `set -o pipefail; ${command}`], {
      cwd: folder.path,
      env: { PATH: `${folder.path}:${process.env.PATH}`, HOME: folder.path, PARLEY_URL: server.url, ...data },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stderr, code] = await Promise.all([new Response(shell.stderr).text(), shell.exited]);
    expect({ example, code, ...(code !== 0 && { stderr }) }).toEqual({ example, code: 0 });
  }
});
