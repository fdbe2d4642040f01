#!/usr/bin/env node
// Starts the command line on Bun, which npm installed next to this package. Node only starts it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIME_FLAGS } from "./runtime-flags.mjs";

/** Milliseconds between two checks whether npm still runs. */
const LOOK_INTERVAL = 500;

const here = dirname(fileURLToPath(import.meta.url));
const bun = findBun();
if (bun === undefined) {
  console.error(
    "parley: the runtime (the npm package bun) is not installed. Run `npm install` in this folder; if it was installed with --ignore-scripts, run `npm rebuild bun`.",
  );
  process.exit(1);
}

// The channel ends with this process, however it ends: by that the runtime knows (`endWithStarter`).
const child = spawn(
  bun,
  [...RUNTIME_FLAGS, join(here, "..", "src", "cli", "main.ts"), ...process.argv.slice(2)],
  {
    // Files that the runtime reads from its current folder are Parley's own; the command line changes to the caller's
    // (working-directory.ts).
    cwd: join(here, ".."),
    env: { ...process.env, PARLEY_CALLED_IN: currentFolder() },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  },
);
// Where the terminal or the supervisor sends a signal to the whole process group, the runtime has it twice. It takes
// both for one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
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
if (isStartedByNpm()) watchParent();

/** Whether npm waits for this process, by `npm start` of Parley itself or by npx. */
function isStartedByNpm() {
  const { npm_lifecycle_event: event, npm_package_name: name } = process.env;
  return event === "npx" || (event === "start" && name === "parley");
}

/** When npm was killed, no process is left to stop the runtime. */
function watchParent() {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent && child.connected) child.disconnect();
  }, LOOK_INTERVAL).unref();
}

/** The folder that this is called in. Ends the process where it was deleted. */
function currentFolder() {
  try {
    return process.cwd();
  } catch {
    console.error("parley: the current folder was deleted. Change to another one.");
    process.exit(1);
  }
}

/** The path of the Bun binary that npm installed, or undefined. */
function findBun() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("bun/package.json"));
    return ["bun.exe", "bun"].map((name) => join(folder, "bin", name)).find((path) => existsSync(path));
  } catch {
    return undefined;
  }
}
