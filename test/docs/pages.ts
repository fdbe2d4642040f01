import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Root of the repository. */
export const ROOT = join(import.meta.dir, "../..");

/** A fenced block of a page: ```` ```json server ```` has the words `json` and `server`. */
export interface Block {
  readonly words: readonly string[];
  readonly text: string;
}

/** The pages people read, by their path in the repository. */
export function pagePaths(): string[] {
  const inDocs = readdirSync(join(ROOT, "docs"), { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".md"));
  return ["README.md", "CHANGELOG.md", ...inDocs.map((path) => `docs/${path}`)];
}

export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The entry of the protocol and its pages, by their path in the repository. */
export const PROTOCOL_PAGES: readonly string[] = [
  "docs/PROTOCOL.md",
  ...pagePaths()
    .filter((path) => path.startsWith("docs/protocol/"))
    .sort(),
];

/** Returns the text of all pages of the protocol, one after the other. */
export function readProtocol(): string {
  return PROTOCOL_PAGES.map(readPage).join("\n");
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```([^\n`]*)\n(.*?)^```$/gms)].map(([, info = "", text = ""]) => ({
    words: info.split(" "),
    text,
  }));
}

/** A page without its fenced blocks, in which a `#` is no heading and brackets are no link. */
export function proseOf(page: string): string {
  return page.replace(/^```[^\n`]*\n.*?^```$/gms, "");
}

/** The text under the heading `heading`, up to the next one of its level or above. */
export function sectionOf(page: string, heading: string): string {
  const level = /^#+/.exec(heading)![0].length;
  const start = page.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`There is no heading "${heading}".`);
  const body = page.slice(start + heading.length + 2);
  // A comment of a shell is no heading.
  const prose = body.replace(/^```[^\n`]*\n.*?^```$/gms, (block) => " ".repeat(block.length));
  const end = new RegExp(`^#{1,${level}} `, "m").exec(prose)?.index;
  return body.slice(0, end);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title = ""] of proseOf(page).matchAll(/^#+ (.+)$/gm)) {
    const base = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}
