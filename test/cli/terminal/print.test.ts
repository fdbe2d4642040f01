import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatReport } from "../../../src/cli/run/report.ts";
import { ROOT } from "../../docs/pages.ts";
import { ParleyFolder } from "../parley-folder.ts";

/** Files that write to a terminal themselves, and why they may. */
const WRITERS: Readonly<Record<string, string>> = {
  "cli/terminal/print.ts": "what all others call",
  "cli/chat/screen.ts": "readline moves its cursor; lines of others go through print.ts",
  "cli/terminal/confirm.ts": "readline asks; the question is made harmless there",
  "engine/sqlite/folder/end-mark.ts": "it writes a file of the store",
  "engine/sqlite/backup/restore.ts": "it writes files of the store",
  "server/log/log.ts": "it makes lines harmless, and hands them to output.ts",
  "server/log/output.ts": "lines of the log, which log.ts has made harmless",
};

/** Ways to a terminal: the console, a standard stream that is written, and a reader that draws on one. */
const WAYS = [
  /\bconsole\s*\.\s*\w+\s*\(/,
  /\b(?:stdout|stderr|output)\b\s*\)?\s*\.\s*(?:write|end)\s*\(/,
  /\bBun\.(?:stdout|stderr)\b/,
  /\bwriteSync\s*\(/,
  /\bcreateInterface\s*\(\s*\{[^}]*\boutput\b/,
];

test("all output goes through src/cli/terminal/print.ts, which escapes control characters", () => {
  const found = new Set<string>();
  for (const folder of ["cli", "server", "engine", "core", "conformance", "scenario"])
    for (const name of readdirSync(join(ROOT, "src", folder), { recursive: true }).map(String)) {
      if (!name.endsWith(".ts")) continue;
      const text = readFileSync(join(ROOT, "src", folder, name), "utf8").replace(
        /\/\*[\s\S]*?\*\/|\/\/.*$/gm,
        "",
      );
      if (WAYS.some((way) => way.test(text))) found.add(`${folder}/${name}`);
    }
  expect([...found].sort()).toEqual(Object.keys(WRITERS).sort());
});

/** Everything that a terminal could obey or hide. */
const ATTACK = "\x1b]0;PWNED\x07\x1b[31m\u009b2J\x7f\b\r\n\u202e\u2028\u200b\ufeff";
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\ufeff]/;

test("control characters in files and arguments are escaped: names, paths, recordings", async () => {
  await using folder = new ParleyFolder();
  const name = `evil${ATTACK.replaceAll("\n", "")}.json`;
  writeFileSync(
    join(folder.path, name),
    JSON.stringify({ [ATTACK]: ATTACK, format: ATTACK, steps: [ATTACK] }),
  );
  const har = {
    log: { version: ATTACK, creator: { name: ATTACK }, entries: [{ request: { url: ATTACK } }] },
  };
  writeFileSync(join(folder.path, "evil.har"), JSON.stringify(har));
  folder.write(".env", `PLANS=${ATTACK}\nLOG_LEVEL=${ATTACK}\n`);
  const calls = [
    ["run", name, "--url", "http://127.0.0.1:9"],
    ["run", "evil.har", "--url", "http://127.0.0.1:9"],
    ["error", ATTACK],
    [ATTACK],
    ["user", "show", ATTACK],
    ["conversation", "show", ATTACK],
    ["context", "use", ATTACK],
    ["chat", "--url", `http://127.0.0.1:9/${ATTACK}`],
    ["token", ATTACK, `--lifetime=${ATTACK}`],
    ["doctor", "--url", ATTACK],
    ["conformance", ATTACK],
  ];
  for (const args of calls) {
    const { stdout, stderr, code } = await folder.run(args);
    expect(code).not.toBe(0);
    expect({ args, output: OBEYED.exec(`${stdout}${stderr}`) }).toEqual({ args, output: null });
  }
});

test("names and frames of a recording cannot forge a line of the report, nor colour it", () => {
  const result = {
    line: 1,
    client: ATTACK,
    what: ATTACK,
    note: ATTACK,
    why: ATTACK,
    outcome: "different",
    differences: [{ path: ATTACK, expected: ATTACK, received: { [ATTACK]: ATTACK } }],
    seconds: 0,
  };
  const report = formatReport(
    { file: ATTACK, clients: 1, results: [result], seconds: 1 } as never,
    (_, text) => text,
  );
  expect(report).not.toMatch(OBEYED);
  expect(report.split("\n")).toHaveLength(8);
});

test("a reader that closes the pipe ends a command without an error", async () => {
  await using folder = new ParleyFolder();
  const command = `"$0" --no-env-file "$1" error --json | head -c 10; echo "\${PIPESTATUS[0]}"`;
  const shell = Bun.spawn(["bash", "-c", command, process.execPath, folder.program], {
    cwd: folder.path,
    env: { PATH: process.env.PATH ?? "", HOME: folder.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
  ]);
  expect(stderr).toBe("");
  expect(stdout).toBe('{\n  "error0\n');
});
