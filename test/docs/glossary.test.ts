import { expect, test } from "bun:test";
import { pathsIn } from "../../docs/checks/paths.ts";
import { readPage } from "./pages.ts";

const PAGES = ["docs/GLOSSARY.md", "docs/ARCHITECTURE.md", "src/engine/sqlite/index/README.md"];

test.each(PAGES)("%s names the files of the project, whose paths `npm run check` looks up", (page) => {
  expect(pathsIn(readPage(page)).length).toBeGreaterThan(10);
});

test("paths are found in text, and patterns and commands are not", () => {
  expect(pathsIn("see `src/a/b.ts` and `docs/C.md`, `src/<name>.ts`, `npm run src/a`")).toEqual([
    "src/a/b.ts",
    "docs/C.md",
  ]);
});

test("the glossary has some forty terms, in alphabetical order, each once", () => {
  const terms = [...readPage("docs/GLOSSARY.md").matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map(([, term]) => term!);
  expect(terms.length).toBeGreaterThan(39);
  expect(terms).toEqual([...new Set(terms)].sort((a, b) => a.localeCompare(b, "en")));
});
