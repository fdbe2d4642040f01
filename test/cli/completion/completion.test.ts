import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES } from "../../../src/cli/error/lookup.ts";
import { ParleyFolder } from "../parley-folder.ts";

// The completions for given words, from bash without a terminal; shells.test.ts presses the Tab key in all three
// shells.

let folder: ParleyFolder;
beforeAll(async () => {
  folder = new ParleyFolder();
  const { code, stdout, stderr } = await folder.run(["completion", "bash"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  folder.write("completion.bash", stdout);
  mkdirSync(join(folder.path, "store"));
});
afterAll(() => folder[Symbol.asyncDispose]());

function run(command: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { cwd: folder.path });
  if (exitCode !== 0 || stderr.length > 0)
    throw new Error(`${command[0]}: ${stderr} (exit code ${exitCode})`);
  return stdout.toString();
}

/** The completions of a bash without settings of its own for the last of `words`. */
function offered(...words: string[]): string[] {
  const script = `
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    complete -p parley >/dev/null && { _parley; printf '%s\\n' "\${COMPREPLY[@]}"; }`;
  const answer = run([
    "bash",
    "--norc",
    "-c",
    script,
    "bash",
    join(folder.path, "completion.bash"),
    "parley",
    ...words,
  ]);
  return answer.split("\n").filter((line) => line !== "");
}

describe("bash", () => {
  test("completes every command that the help lists, and the flags of each", async () => {
    const help = await folder.run(["--help"]);
    const commands = [
      ...help.stdout.split("\nThe server:\n")[1]!.matchAll(/^ {2}([a-z-]+) .*(?: {2}|\n {10})/gm),
    ].map(([, name]) => name!);
    expect(commands.length).toBeGreaterThan(10);
    expect(offered("").sort()).toEqual(commands.sort());
    for (const { stdout } of await Promise.all(
      ["doctor", "serve", "user add"].map((command) => folder.run([...command.split(" "), "--help"])),
    )) {
      const [, path = ""] = /^Usage: parley ([a-z -]+?) (?:\[|<)/.exec(stdout) ?? [];
      const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag!);
      expect(offered(...path.split(" "), "--")).toEqual(expect.arrayContaining(flags));
    }
  });

  test.each([
    [["us"], ["user"]],
    [
      ["user", "set-p"],
      ["set-plan", "set-password"],
    ],
    [
      ["user", "add", "ann", "--plan", ""],
      ["free", "basic", "premium"],
    ],
    [["user", "set-plan", "ann", "p"], ["premium"]],
    [
      ["conversation", "member", ""],
      ["add", "list", "remove", "help"],
    ],
    [
      ["conversation", "member", "add", "team", "ann", "--role", "m"],
      ["member", "moderator"],
    ],
    [
      ["doctor", "--format", ""],
      ["text", "json", "prometheus", "nagios"],
    ],
    [
      ["doctor", "--format", "="],
      ["text", "json", "prometheus", "nagios"],
    ],
    [["doctor", "--format", "=", "na"], ["nagios"]],
    [["doctor", "--format", "json", "--no-t"], ["--no-talk"]],
    [["serve", "--log-level", "w"], ["warn"]],
    [["--log-fo"], ["--log-format"]],
    [
      ["--port", "9000", "--ack-after", ""],
      ["primary", "replica"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["help", "com"], ["completion"]],
    [["user", "help", "en"], ["enable"]],
    [["doctor", "--tls-cert", "completion.b"], ["completion.bash"]],
    [["user", "show", "ann", "x"], []],
    [["run", "first.jsonl", "--json", "completion.b"], ["completion.bash"]],
    [
      ["token", "ann", "--rights", ""],
      ["read", "write", "read,write", "read,write,manage"],
    ],
    [["examples", "tal"], ["talk.sh"]],
    [["serve", "--data-dir", "st"], ["store"]],
  ])("after parley %j offers %j", (words, wanted) => {
    expect(offered(...words)).toEqual(wanted);
  });

  test("completes the error codes", () => {
    expect(offered("error", "")).toEqual(expect.arrayContaining([...ERROR_CODES, "4408"]));
    expect(offered("error", "tok")).toEqual(["token_expired", "token_revoked"]);
  });

  test("completes the plans of PLANS", async () => {
    const { stdout } = await folder.run(["completion", "bash"], { env: { PLANS: "free:1:1,gold:0:0" } });
    expect(stdout).toContain("'parley user add --plan') words='free gold' ;;");
  });
});

test("an unknown shell is a usage error", async () => {
  const ended = await folder.run(["completion", "tcsh"]);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain("Allowed choices are bash, zsh, fish.");
});
