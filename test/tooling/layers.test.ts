// The check of the layout (`npm run check:layers`) finds what it is there for.
import { expect, test } from "bun:test";
import { layoutProblems, type Tree } from "./layers.ts";

function tree(files: Readonly<Record<string, string>>): Tree {
  return { files: Object.keys(files), read: (path) => files[path]! };
}

test("a circle of imports is reported with its files, also where only types are imported", () => {
  const files = {
    "src/a.ts": 'import type { B } from "./deep/b.ts";',
    "src/deep/b.ts": 'export { C } from "../c.ts";',
    "src/c.ts": 'const a = await import("./a.ts");',
    "src/d.ts": 'import { A } from "./a.ts";',
  };
  expect(layoutProblems(tree(files))).toEqual(["circle of imports: src/a.ts, src/c.ts, src/deep/b.ts"]);
});

test("two circles are reported one by one, and what leads from one to the other is none", () => {
  const files = {
    "src/a.ts": 'import "./b.ts"; import "./x.ts";',
    "src/b.ts": 'import "./a.ts";',
    "src/x.ts": 'import "./y.ts";',
    "src/y.ts": 'import "./x.ts";',
  };
  expect(layoutProblems(tree(files)).sort()).toEqual([
    "circle of imports: src/a.ts, src/b.ts",
    "circle of imports: src/x.ts, src/y.ts",
  ]);
});

test("more than 15 files in a folder are reported, but not in the documented exceptions", () => {
  const names = Array.from({ length: 16 }, (_, index) => `${index}.md`);
  const inFolder = (folder: string) => Object.fromEntries(names.map((name) => [`${folder}/${name}`, ""]));
  expect(layoutProblems(tree(inFolder("docs/pages")))).toEqual([
    "docs/pages: 16 files; at most 15 in a folder",
  ]);
  expect(layoutProblems(tree(inFolder("docs/decisions")))).toEqual([]);
});

test("a source file of more than 400 lines is reported", () => {
  const files = { "src/a.ts": "\n".repeat(401), "src/b.ts": "\n".repeat(400), "docs/a.md": "\n".repeat(900) };
  expect(layoutProblems(tree(files))).toEqual(["src/a.ts: 401 lines; at most 400 in a file"]);
});
