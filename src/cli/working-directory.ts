import { resolve } from "node:path";
import type { Settings } from "../server/settings/settings.ts";
import { PACKAGE_DIR } from "./installation.ts";

// When Bun resolves the program, a worker thread or a bundle, it reads the tsconfig.json of the current folder, and runs
// the files that its `paths` name (RT-16). So the program starts in its own folder, and a server returns to it before
// it creates a worker or builds its page. Workers and bundles must not be created in any other folder.

/** The environment variable in which `bin/parley.mjs` passes the folder of its caller. */
const CALLED_IN_ENV = "PARLEY_CALLED_IN";

/** Changes to the folder in which `bin/parley.mjs` was called. */
export function enterCallerDirectory(): void {
  const folder = process.env[CALLED_IN_ENV];
  delete process.env[CALLED_IN_ENV];
  if (folder !== undefined) process.chdir(folder);
}

/** Changes to Parley's own folder; returns `settings` with absolute paths of the same files. */
export function enterPackageDirectory(settings: Settings): Settings {
  const { dataDir, tlsCert, tlsKey } = settings;
  const resolved = {
    ...settings,
    dataDir: resolve(dataDir),
    ...(tlsCert !== undefined && { tlsCert: resolve(tlsCert) }),
    ...(tlsKey !== undefined && { tlsKey: resolve(tlsKey) }),
  };
  if (PACKAGE_DIR !== undefined) process.chdir(PACKAGE_DIR);
  return resolved;
}
