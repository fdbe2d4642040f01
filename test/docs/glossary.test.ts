import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, readPage } from "./pages.ts";

test.each(["docs/GLOSSARY.md", "docs/ARCHITECTURE.md", "src/engine/sqlite/index/README.md"])(
  "every file that %s names exists",
  (page) => {
    const text = readPage(page);
    const paths = [...text.matchAll(/`((?:src|test|docs|bench|packages|deploy|examples)\/[\w./-]+)`/g)].map(
      ([, path]) => path!,
    );
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  },
);

test("the glossary has some forty terms, in the order of the alphabet, each once", () => {
  const terms = [...readPage("docs/GLOSSARY.md").matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map(([, term]) => term!);
  expect(terms.length).toBeGreaterThan(39);
  expect(terms).toEqual([...new Set(terms)].sort((a, b) => a.localeCompare(b, "en")));
});
