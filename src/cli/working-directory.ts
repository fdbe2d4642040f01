import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Settings } from "../server/settings/settings.ts";

// The runtime reads the tsconfig.json of the current folder when it resolves the program, a worker thread or what it
// bundles, and runs what `paths` names there (RT-16). So the program starts in its own folder, and a server goes
// back to it before it makes a worker or builds its page. No worker and no bundle may be made elsewhere.

/** Where `bin/parley.mjs` says which folder it was called in. */
const CALLED_IN_ENV = "PARLEY_CALLED_IN";

const PACKAGE_DIR = fileURLToPath(new URL("../../", import.meta.url));

/** Goes to the folder that the command was called in, where `bin/parley.mjs` started it. */
export function enterCallerDirectory(): void {
  const folder = process.env[CALLED_IN_ENV];
  delete process.env[CALLED_IN_ENV];
  if (folder !== undefined) process.chdir(folder);
}

/** Goes to Parley's own folder; returns `settings` with the same files, by absolute paths. */
export function enterPackageDirectory(settings: Settings): Settings {
  const { dataDir, tlsCert, tlsKey } = settings;
  const resolved = {
    ...settings,
    dataDir: resolve(dataDir),
    ...(tlsCert !== undefined && { tlsCert: resolve(tlsCert) }),
    ...(tlsKey !== undefined && { tlsKey: resolve(tlsKey) }),
  };
  process.chdir(PACKAGE_DIR);
  return resolved;
}
