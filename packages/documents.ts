import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** What an operator or a developer reads or copies: files, and folders with all below them. package.json names the same. */
const PUBLISHED = [
  "README.md",
  "CHANGELOG.md",
  "bench/README.md",
  "bench/RESULTS.md",
  "bench/plots",
  "deploy",
  "docs",
  "examples",
  "test/delivery/README.md",
];

/** Pictures, which are larger than all else; programs that make pages and pictures, and those that need a copy of the repository. */
const UNPUBLISHED = /^docs\/pictures\/|^docs\/.*\.ts$|^deploy\/.*\.ts$/;

/** The paths of all documents and files of deploy/ and examples/ that are published, from the root of the repository. */
export function publishedDocuments(): string[] {
  return PUBLISHED.flatMap(filesBelow).filter((path) => !UNPUBLISHED.test(path));
}

function filesBelow(path: string): string[] {
  if (statSync(join(ROOT, path)).isFile()) return [path];
  return readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name }) => filesBelow(`${path}/${name}`));
}
