#!/usr/bin/env node
// Starts the command line on Bun, which npm installed beside this package. Node only hands over.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bun = findBun();
if (bun === undefined) {
  console.error(
    "parley: the runtime (the npm package bun) is not installed. Run `npm install` in this folder; if it was installed with --ignore-scripts, run `npm rebuild bun`.",
  );
  process.exit(1);
}

// --no-env-file: Parley reads .env itself, by the plain rules of `docs/SETTINGS.md`; Bun would expand `$` in secrets.
const child = spawn(
  bun,
  ["--no-env-file", join(here, "..", "src", "cli", "main.ts"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
// A terminal sends Ctrl+C to the whole process group, so the child has it already: passed on it would count as the
// second signal, which ends a drain at once. A signal sent to this process alone must be passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
child.on("error", (error) => {
  console.error(
    `parley: the runtime did not start (${error.message}). Run \`npm rebuild bun\` in ${join(here, "..")}.`,
  );
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal !== null) {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});

/** The path of the Bun binary that npm installed, or undefined. */
function findBun() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("bun/package.json"));
    return ["bun.exe", "bun"].map((name) => join(folder, "bin", name)).find((path) => existsSync(path));
  } catch {
    return undefined;
  }
}
