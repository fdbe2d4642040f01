import { fileURLToPath } from "node:url";

/** The words before the program's file wherever Bun is started for a user: nothing of the current folder is run. */
export const RUNTIME_FLAGS = [
  // Parley reads .env itself, by the plain rules of `docs/SETTINGS.md`; Bun would expand `$` in secrets.
  "--no-env-file",
  // Otherwise Bun runs the code that a bunfig.toml of the current folder names (RT-16).
  `--config=${fileURLToPath(new URL("bunfig.toml", import.meta.url))}`,
  // Else Bun fetches a package that is missing here from the registry that the current folder names.
  "--no-install",
];
