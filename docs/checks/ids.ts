// Checks the ids of rules (`D3`, `SEC-T6`, `RT-7`), as a part of `npm run check`: each id that the code, the tests or the
// documents cite is defined exactly once, and no two documents define ids of one prefix.
import { lineAt, projectPaths, readProjectFile } from "./project-files.ts";

/** Where ids are cited. */
const CITED = new Bun.Glob("{src,test,bench,docs,packages,examples,deploy}/**/*.{ts,tsx,mjs,md,lua}");

/** Files in which a letter and a digit are something else: the paths of drawings, the examples of this check and of its test. */
const NOT_CITING = ["src/console/view/icon.tsx", "docs/checks/ids.ts", "test/docs/ids.test.ts"];

/** Rules are defined by a line such as `- **D3** …` in one of these pages. */
const DEFINING = [new Bun.Glob("docs/*.md"), new Bun.Glob("docs/protocol/*.md")];

const DEFINITION = /^- \*\*((?:[A-Z]+-)?[A-Z]+-?\d+)\*\*/gm;

/** Prefixes that a dash follows. */
const DASHED: readonly string[] = ["SEC", "RT"];

/** The files of the project, by path, with their text. */
export type Files = ReadonlyMap<string, string>;

/** Returns what is wrong with the ids of `files`, one line each; nothing when all is well. */
export function idErrors(pages: Files, citing: Files): string[] {
  const definedIn = new Map<string, string>();
  const prefixes = new Map<string, string>();
  const errors: string[] = [];
  for (const [page, text] of pages)
    for (const [, id = ""] of text.matchAll(DEFINITION)) {
      const other = definedIn.get(id);
      if (other !== undefined)
        errors.push(`${page}: ${id} is defined a second time; the first is in ${other}`);
      definedIn.set(id, page);
      const prefix = prefixOf(id);
      const owner = prefixes.get(prefix) ?? page;
      if (owner !== page) errors.push(`${page}: ids that begin with ${prefix} belong to ${owner}`);
      prefixes.set(prefix, owner);
    }
  const citation = citationOf([...prefixes.keys()]);
  for (const [path, text] of citing)
    for (const { 0: id, index } of text.matchAll(citation))
      if (!definedIn.has(id))
        errors.push(`${path}:${lineAt(text, index)}: ${id} is defined in no page of docs/`);
  return errors;
}

/** `SEC` of `SEC-T6`, `RT` of `RT-7`, `D` of `D3`. */
function prefixOf(id: string): string {
  return id.includes("-") ? id.slice(0, id.indexOf("-")) : id.replace(/\d+$/, "");
}

/**
 * Finds ids in any text: `D3` with one digit, since longer ones are names of something else (`P95`, `M146` of a drawing),
 * and the former names of the runtime's rules.
 */
function citationOf(prefixes: readonly string[]): RegExp {
  const dashed = prefixes.filter((prefix) => DASHED.includes(prefix));
  const plain = prefixes.filter((prefix) => !DASHED.includes(prefix)).sort((a, b) => b.length - a.length);
  const ids = [`(?:${dashed.join("|")})-[A-Z]*\\d+`, `(?:${plain.join("|")}|[ST])[1-9]`, "RUNTIME \\d+"];
  return new RegExp(`(?<![\\w%#+/=\\\\.-])(?:${ids.join("|")})(?![\\w%=]|\\.\\d)`, "g");
}

function read(globs: readonly Bun.Glob[], except: readonly string[] = []): Files {
  const paths = globs.flatMap(projectPaths).filter((path) => !except.includes(path));
  return new Map(paths.map((path) => [path, readProjectFile(path)]));
}

if (import.meta.main) {
  const errors = idErrors(read(DEFINING), read([CITED], NOT_CITING));
  for (const error of errors) console.error(error);
  if (errors.length > 0) process.exit(1);
}
