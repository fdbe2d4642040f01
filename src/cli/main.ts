import { CommanderError } from "commander";
import { escapeControlChars } from "../core/escape-control-chars.ts";
import { errorLines, exitCodeOf, UsageError } from "./cli-error.ts";
import { program } from "./program.ts";
import { exitWithParent } from "./signals.ts";
import { TASKS } from "./tasks.ts";
import { exitOnClosedPipe, printNote, write } from "./terminal/print.ts";
import { enterCallerDirectory } from "./working-directory.ts";

// The command line. Exit codes: 0 done, 1 rejected or failed, 2 usage error, 130 and 143 ended by SIGINT and SIGTERM.

// Files that a command writes are readable for their owner only: the data folder holds password hashes, messages and the
// signing key, and may have been created with open rights.
process.umask(0o077);
// The server shuts down gracefully instead, see `stopOnSignal`.
exitWithParent(() => process.exit(1));
exitOnClosedPipe();

// A command may wait for a worker thread that alone does not keep the process alive.
const keepAlive = setInterval(() => {}, 2 ** 30);
// A function, because a module with a top-level `await` has no bytecode (test/support/built-program.ts).
main().then(() => clearInterval(keepAlive), fail);

async function main(): Promise<void> {
  enterCallerDirectory();
  if (process.argv.length > 2) await program().parseAsync();
  else write(process.stdout, TASKS);
}

function fail(error: unknown): never {
  // commander has already printed the usage error, or the help.
  if (error instanceof CommanderError) process.exit(exitCodeOf(error));
  const prefix = error instanceof UsageError ? "error" : "parley";
  for (const line of errorLines(error)) printNote(`${prefix}: ${escapeControlChars(line)}`);
  process.exit(exitCodeOf(error));
}
