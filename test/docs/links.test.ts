import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { SETTING_NAMES } from "../../src/server/settings/table.ts";
import { anchorsOf, blocksOf, PROTOCOL_PAGES, pagePaths, proseOf, ROOT, readPage } from "./pages.ts";

/** Variables of the shell in examples, which are no settings. */
const SHELL_NAMES: readonly string[] = ["TOKEN"];

/** HTTP methods, which are no settings either. */
const METHODS: readonly string[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

const pages = pagePaths();

/** Targets of links and pictures that lie in this repository. */
function relativeLinks(page: string): string[] {
  const prose = proseOf(page).replace(/`[^`\n]*`/g, "");
  const targets = [
    ...[...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!),
    ...[...prose.matchAll(/(?:src|srcset|href)="([^"\s]+)"/g)].map(([, target]) => target!),
  ];
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** Why a link of `page` leads nowhere, or undefined. */
function linkError(page: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return `${link}: there is no ${target}`;
  if (anchor === undefined) return undefined;
  return anchorsOf(readPage(target)).has(anchor) ? undefined : `${link}: ${target} has no such heading`;
}

test.each(pages)("every link in %s leads to a file and a heading that exist", (page) => {
  const faults = relativeLinks(readPage(page)).map((link) => linkError(page, link));
  expect(faults.filter((text) => text !== undefined)).toEqual([]);
});

test.each(["README.md", ...PROTOCOL_PAGES, "docs/TOKENS.md"])(
  "every setting that %s names is in the table of settings",
  (path) => {
    const page = readPage(path);
    const inWords = [...proseOf(page).matchAll(/`([A-Z][A-Z_]*[A-Z])(?:=[^`]*)?`/g)].map(([, name]) => name!);
    const inEnvironment = blocksOf(page).flatMap(({ text }) =>
      [...text.matchAll(/^#?([A-Z][A-Z_]*[A-Z])=/gm)].map(([, name]) => name!),
    );
    const known: readonly string[] = [...SETTING_NAMES, ...SHELL_NAMES, ...METHODS];
    const unknown = [...inWords, ...inEnvironment].filter((name) => !known.includes(name));
    expect(unknown).toEqual([]);
  },
);

test("the README's lines that sign a token are those of docs/TOKENS.md, which have their own test", () => {
  const tokens = blocksOf(readPage("docs/TOKENS.md"));
  const ours = blocksOf(readPage("README.md")).filter(({ words }) => words[0] === "js");
  expect(ours).toEqual(tokens.filter(({ words }) => words[0] === "js").slice(0, 1));
  expect(ours).toHaveLength(1);
});

test("the README stays under 200 lines", () => {
  expect(readPage("README.md").split("\n").length).toBeLessThan(200);
});
