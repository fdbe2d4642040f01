// Checks the layout of the source tree: no circles among imports, no crowded folders, no long files. Run by `npm run check`.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Folders whose files are counted and measured. Circles are looked for among the files of `src` and `packages`. */
const ROOTS = ["src", "test", "bench", "docs", "deploy", "packages"];
const CIRCLE_ROOTS = ["src", "packages"];

const MAX_FILES = 15;
const MAX_LINES = 400;

/** Folders that may hold more files than MAX_FILES, with the reason. */
const CROWDED: Readonly<Record<string, string>> = {
  docs: "one page for each thing that a user looks for by its name",
  "bench/load": "one Go package is one folder",
  "docs/decisions": "numbered pages, read in order",
};

/** Folders that hold no source of this project. */
const IGNORED = new Set(["node_modules", "dist"]);

export interface Tree {
  /** Paths of all files, relative to the project, with `/`. */
  readonly files: readonly string[];
  read(path: string): string;
}

/** Returns what is wrong with the layout, one sentence each; none where all is well. */
export function layoutProblems(tree: Tree): string[] {
  return [...circles(tree), ...crowdedFolders(tree), ...longFiles(tree)];
}

function crowdedFolders({ files }: Tree): string[] {
  const counts = new Map<string, number>();
  for (const file of files) {
    const folder = dirname(file);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([folder, count]) => count > MAX_FILES && CROWDED[folder] === undefined)
    .map(([folder, count]) => `${folder}: ${count} files; at most ${MAX_FILES} in a folder`);
}

function longFiles({ files, read }: Tree): string[] {
  return files
    .filter((file) => /\.(ts|tsx|mjs|lua|go)$/.test(file))
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ file, lines }) => `${file}: ${lines} lines; at most ${MAX_LINES} in a file`);
}

/** Each group of files that import each other, directly or through others, also where only types are imported. */
function circles({ files, read }: Tree): string[] {
  const sources = files.filter(
    (file) => /\.tsx?$/.test(file) && CIRCLE_ROOTS.some((root) => file.startsWith(`${root}/`)),
  );
  const known = new Set(sources);
  const imports = new Map(
    sources.map((file) => [file, importsOf(file, read(file)).filter((path) => known.has(path))]),
  );
  return connectedGroups(imports)
    .filter((group) => group.length > 1 || imports.get(group[0]!)!.includes(group[0]!))
    .map((group) => `circle of imports: ${group.sort().join(", ")}`);
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)"/g;

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, path]) => join(dirname(file), path!).replaceAll("\\", "/"));
}

/** Strongly connected components (Tarjan, SIAM J. Comput. 1972). */
function connectedGroups(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const groups: string[][] = [];
  const visit = (node: string) => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    onStack.add(node);
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next);
        low.set(node, Math.min(low.get(node)!, low.get(next)!));
      } else if (onStack.has(next)) low.set(node, Math.min(low.get(node)!, index.get(next)!));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    for (const member of group) onStack.delete(member);
    groups.push(group);
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return groups;
}

/** The tree on the disk below `root`. */
export function treeOf(root: string): Tree {
  const files: string[] = [];
  const walk = (folder: string) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (IGNORED.has(name)) continue;
      if (statSync(path).isDirectory()) walk(path);
      else files.push(relative(root, path).replaceAll("\\", "/"));
    }
  };
  for (const folder of ROOTS) walk(join(root, folder));
  return { files, read: (path) => readFileSync(join(root, path), "utf8") };
}

if (import.meta.main) {
  const problems = layoutProblems(treeOf(join(import.meta.dir, "../..")));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
}
