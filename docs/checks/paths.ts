// Checks, as a part of `npm run check`, that every file and folder which a document names exists, and that no two decisions have one number.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectPaths, ROOT, readProjectFile } from "./project-files.ts";

const PAGES = new Bun.Glob("{docs,src,bench,test}/**/*.md");

const DECISION_FOLDER = "docs/decisions/";

const DECISIONS = new Bun.Glob(`${DECISION_FOLDER}*.md`);

/** A path in the project's folders, written as code. One with `<`, `*` or `{` in it stands for several, and is not matched. */
const PATH = /`((?:src|test|docs|bench|packages|deploy|examples|bin)\/[\w./-]+)`/g;

/** Folders that are made by a command, and are not part of the project. */
const MADE = ["bench/out/"];

/** The paths that `page` names. */
export function pathsIn(page: string): string[] {
  const paths = [...page.matchAll(PATH)].map(([, path]) => path!);
  return paths.filter((path) => !MADE.some((folder) => path.startsWith(folder)));
}

if (import.meta.main) {
  const pages = ["README.md", ...projectPaths(PAGES)];
  const errors = pages.flatMap((page) =>
    pathsIn(readProjectFile(page))
      .filter((path) => !existsSync(join(ROOT, path)))
      .map((path) => `${page}: there is no ${path}`),
  );
  const numbers = projectPaths(DECISIONS).map((path) =>
    path.slice(DECISION_FOLDER.length, DECISION_FOLDER.length + 4),
  );
  for (const number of numbers.filter((number, i) => numbers.indexOf(number) !== i))
    errors.push(`${DECISION_FOLDER}: two decisions have the number ${number}`);
  for (const error of errors) console.error(error);
  if (errors.length > 0) process.exit(1);
}
