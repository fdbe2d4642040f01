import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

/** The published packages, by name, with their folders. */
export const PACKAGE_FOLDERS = {
  parley: ROOT,
  "parley-client": join(ROOT, "packages/parley-client"),
} as const;

/** The paths of the packed packages, by name. */
export type Tarballs = Readonly<Record<keyof typeof PACKAGE_FOLDERS, string>>;

/**
 * Packs both packages into `folder` as for publication. Both have the same library, which is built before the first is packed;
 * that takes longer than all else.
 */
export async function writePackages(folder: string): Promise<string> {
  const into = mkdtempSync(join(folder, "packages-"));
  await pack(PACKAGE_FOLDERS.parley, into);
  await pack(PACKAGE_FOLDERS["parley-client"], into, "--ignore-scripts");
  return into;
}

/** The packed packages: from the folder that TEST_PACKAGES names (`npm test` sets it), or packed now. */
export async function readPackages(folder = process.env.TEST_PACKAGES): Promise<Tarballs> {
  const from = folder ?? (await writePackages(tmpdir()));
  const names = readdirSync(from);
  const find = (pattern: RegExp) => join(from, names.find((name) => pattern.test(name))!);
  return { parley: find(/^parley-\d.*\.tgz$/), "parley-client": find(/^parley-client-\d.*\.tgz$/) };
}

async function pack(folder: string, into: string, ...more: string[]): Promise<void> {
  const child = Bun.spawn(["npm", "pack", "--silent", "--pack-destination", into, ...more], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`npm pack in ${folder}: ${output}${errors}`);
}
