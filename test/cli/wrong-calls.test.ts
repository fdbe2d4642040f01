import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { exitCodeOf } from "../../src/cli/cli-error.ts";
import { everyCommand, program } from "../../src/cli/program.ts";
import { flagOf, SETTING_NAMES } from "../../src/server/settings/table.ts";

// Every wrong call ends with exit code 2, of every command, without a store and without a server: so it is seen to be wrong before
// either is asked. A new argument or flag has to be entered below.

/** Any text is right for these, or what the store, the server or a file says decides. */
const ANY = "any text";

/** A wrong value of each argument and flag; the key is the flag, else the word in its brackets. */
const WRONG: Readonly<Record<string, string>> = {
  user: "a b",
  conversation: "a b",
  name: "a b",
  plan: "gold",
  seq: "x",
  url: "not an address",
  folder: "",
  code: "no_such_code",
  example: "no-such-example",
  shell: "tcsh",
  "file...": "no-such-file.jsonl",
  text: ANY,
  reaction: ANY,
  id: ANY,
  context: ANY,
  command: ANY,
  "--url": "not an address",
  "--user": "a b",
  "--token": ANY,
  "--context": ANY,
  "--conversation": "a b",
  "--plan": "gold",
  "--rights": "foo",
  "--lifetime": "1h",
  "--conversations": "te*m",
  "--access": "nobody",
  "--title": "x".repeat(201),
  "--member": "a b",
  "--role": "king",
  "--seconds": "abc",
  "--reason": "x".repeat(201),
  "--messages": "many",
  "--days": "x",
  "--id": "a b",
  "--types": "message.gone",
  "--after": ANY,
  "--since": "soon",
  "--to": "not-redis",
  "--data": "{",
  "--if-rev": "x",
  "--limit": "0",
  "--format": "pdf",
  "--timeout": "x",
  "--execute": "",
  "--wait": "x",
  "--count": "x",
  "--duration": "x",
  "--history": "x",
  "--clients": "0",
  "--msgs": "x",
  "--size": "0",
  "--rate": "x",
  "--in-flight": "0",
  "--interval": "x",
  "--csv": ANY,
  "--junit": ANY,
  "--secret-key-file": "no-such-file",
  "--issuer": ANY,
  "--audience": ANY,
};

/** What differs from the table for one command. */
const OWN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "chat --after": { "--after": "x" },
  "message erase --reason": { "--reason": ANY }, // The server cuts no reason, and refuses one that is too long.
  "run --conversation": { "--conversation": ANY }, // The file decides.
  "run --user": { "--user": ANY },
  "conformance --user": { "--user": "no-password" },
  "context add name": { name: "a b" },
};

/** Calls that lack a flag, or have two that exclude each other. */
const TOGETHER: readonly (readonly string[])[] = [
  ["frobnicate"],
  ["--prot", "1"],
  ["user", "frobnicate"],
  ["revoke"],
  ["revoke", "--user", "ann", "--token", "x"],
  ["revoke", "--token", "a.b.c"],
  ["migrate"],
  ["webhook", "replay", "crm"],
  ["webhook", "replay", "crm", "--after", "junk"],
  ["webhook", "replay", "crm", "--since", "2930-01-01T00:00:00Z"],
  ["webhook", "add", "http://a.example:22/"],
  ["conversation", "retain", "lobby"],
  ["conversation", "retain", "lobby", "--default", "--days", "1"],
  ["message", "edit", "lobby", "1"],
  ["chat", "lobby", "--after", "1", "--history", "1"],
  ["chat", "lobby", "--conversation", "team"],
  ["conformance", "http://127.0.0.1:1", "--user", "ann:password"],
  ["context", "add", "prod"],
  ["events"],
  ["top", "--url", "http://127.0.0.1:1"],
  ["top"],
  ["nodes"],
  ["store", "new-epoch"],
];

const folder = mkdtempSync(join(tmpdir(), "parley-wrong-"));
const outside = new Map(Object.entries(process.env));

beforeAll(() => {
  for (const name of Object.keys(process.env))
    if (/^(?:PARLEY_|REDIS_|SECRET_KEY)/.test(name)) delete process.env[name];
  process.env.DATA_DIR = folder;
  process.env.XDG_CONFIG_HOME = folder;
  process.env.PARLEY_URL = "http://127.0.0.1:1";
});

afterAll(() => {
  for (const name of Object.keys(process.env)) if (!outside.has(name)) delete process.env[name];
  for (const [name, value] of outside) process.env[name] = value;
  rmSync(folder, { recursive: true });
});

test("every wrong call of every command ends with exit code 2, without a store or a server", async () => {
  const calls = [...TOGETHER, ...everyCommand(silent).flatMap(wrongCalls)];
  const others: string[] = [];
  for (const call of calls) {
    const code = await exitCode(call);
    if (code !== 2) others.push(`${code}: parley ${call.map((word) => JSON.stringify(word)).join(" ")}`);
  }
  expect(others).toEqual([]);
  expect(calls.length).toBeGreaterThan(250);
});

test("a wrong setting of the environment or of a flag ends each command with exit code 2; a store that is missing with 1", async () => {
  const codes = async (...flags: string[]) =>
    Promise.all([["serve"], ["user", "list"], ["token", "ann"]].map((call) => exitCode([...call, ...flags])));
  expect(await codes("--redis-port", "abc")).toEqual([2, 2, 2]);
  process.env.BCRYPT_COST = "abc";
  expect(await codes()).toEqual([2, 2, 2]);
  delete process.env.BCRYPT_COST;
  expect(await exitCode(["user", "list"])).toBe(1);
  expect(await exitCode(["conversation", "mute", "add", "lobby", "ann", "--seconds", "60"])).toBe(1);
});

/** One call for each thing that can be wrong with `command`. */
function wrongCalls(command: Command): string[][] {
  if (command.commands.length > 0 || command.name() === "help") return [];
  const path = pathOf(command);
  const args = command.registeredArguments;
  const good = args.filter(({ required }) => required).map(() => "1");
  const calls = [[...path, ...good, "--frobnicate"]];
  if (!args.some(({ variadic }) => variadic)) calls.push([...path, ...args.map(() => "1"), "surplus"]);
  if (good.length > 0) calls.push([...path, ...good.slice(1)]);
  for (const [place, argument] of args.entries()) {
    const name = argument.name();
    const wrong = wrongValue(path, argument.variadic ? `${name}...` : name);
    if (wrong !== ANY)
      calls.push([...path, ...args.slice(0, place).map(() => "1"), wrong, ...good.slice(place + 1)]);
  }
  for (const { long, short, required, flags } of command.options) {
    const flag = long ?? short!;
    if (!required && !flags.includes("<")) continue;
    const wrong = SETTING_FLAGS.has(flag) ? wrongSetting(path, flag) : wrongValue(path, flag);
    if (wrong !== ANY) calls.push([...path, ...good, flag, wrong]);
  }
  return calls;
}

const SETTING_FLAGS = new Set(SETTING_NAMES.map(flagOf));

/** All flags of settings are read in one place, and `doctor` reports what is wrong with them as a problem. */
function wrongSetting([command]: readonly string[], flag: string): string {
  return flag === "--redis-port" && command !== "doctor" ? "abc" : ANY;
}

function wrongValue(path: readonly string[], key: string): string {
  const value = OWN[[...path, key].join(" ")]?.[key] ?? WRONG[key];
  if (value === undefined) throw new Error(`Enter a wrong value for ${key} of parley ${path.join(" ")}.`);
  return value;
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

/** Made once: it takes longer to make than to run. */
const silent = program();
for (const command of everyCommand(silent)) command.configureOutput({ writeOut() {}, writeErr() {} });

async function exitCode(call: readonly string[]): Promise<number | undefined> {
  try {
    await silent.parseAsync(call, { from: "user" });
    return undefined;
  } catch (error) {
    return exitCodeOf(error);
  }
}
