import { join } from "node:path";

/**
 * Installs what a peer on Node needs into its own folder, from its own lock file; again when that has changed. Throws a
 * line for people when it cannot.
 */
export async function installPackages(folder: string): Promise<void> {
  const lock = await Bun.file(join(folder, "package-lock.json")).text();
  const installed = Bun.file(join(folder, "node_modules/.installed"));
  if ((await installed.exists()) && (await installed.text()) === lock) return;
  for (const program of ["node", "npm"])
    if (Bun.which(program) === null) throw new Error(`a peer runs on Node: it needs ${program}.`);
  const npm = Bun.spawn(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: folder,
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await npm.exited) !== 0) throw new Error(`npm could not install ${folder}.`);
  await Bun.write(installed, lock);
}
