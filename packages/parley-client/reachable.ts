// Leaves out of declarations what no public one needs: the compiler declares everything that a module exports.
import { posix } from "node:path";

/** One declaration, with the comment before it. */
interface Declaration {
  readonly name: string;
  readonly text: string;
}

/** One module: its declarations, and the names that it imports, with the module and the name there. */
interface Module {
  readonly declarations: readonly Declaration[];
  readonly imports: ReadonlyMap<string, { readonly from: string; readonly name: string }>;
}

/** Returns the modules that `entry` needs, by name; `read` returns the text of one. `entry` is whole, others have what is needed. */
export function reachable(entry: string, read: (name: string) => string): Map<string, string> {
  const modules = new Map<string, Module>();
  const needed = new Map<string, Set<string>>();
  const moduleOf = (name: string) => {
    let known = modules.get(name);
    if (known === undefined) {
      known = parse(name, read(name));
      modules.set(name, known);
    }
    return known;
  };
  const need = (module: string, name: string): void => {
    const names = needed.get(module) ?? new Set();
    needed.set(module, names);
    if (names.has(name)) return;
    names.add(name);
    const { declarations, imports } = moduleOf(module);
    const imported = imports.get(name);
    if (imported !== undefined) need(imported.from, imported.name);
    for (const { text } of declarations.filter((one) => one.name === name))
      for (const word of wordsOf(text))
        if (imports.has(word) || declarations.some((one) => one.name === word)) need(module, word);
  };
  for (const { from, name } of moduleOf(entry).imports.values()) need(from, name);
  const texts = new Map([[entry, read(entry)]]);
  for (const [module, names] of needed) texts.set(module, print(module, moduleOf(module), names));
  return texts;
}

const COMMENT = /\/\*\*(?:[^*]|\*(?!\/))*\*\//g;

/** Each statement starts a line with its first word, after a comment or without one; its further lines start otherwise. */
const WORD = "(?=(?:export|import|declare|interface|type|class|const|function)\\b)";
const START = new RegExp(`^(?:(?=${COMMENT.source}\n${WORD})|(?<!\\*/\n)${WORD})`, "m");

function parse(module: string, text: string): Module {
  const declarations: Declaration[] = [];
  const imports: Map<string, { from: string; name: string }> = new Map();
  for (const statement of text.split(START)) {
    const code = statement.replace(COMMENT, "").trim();
    const [, list, specifier] = /^(?:import|export) (?:type )?\{([^}]*)\} from "(.*)";$/.exec(code) ?? [];
    const [, name] =
      /^(?:export )?(?:declare )?(?:interface|type|class|const|function) (\w+)/.exec(code) ?? [];
    if (list !== undefined)
      for (const [imported, local] of namesIn(list))
        imports.set(local, { from: posix.join(posix.dirname(module), specifier!), name: imported });
    else if (name !== undefined) declarations.push({ name, text: statement });
    else if (!/^(?:export \{\};|\s|\/\/.*)*$/.test(code))
      throw new Error(`No declaration in ${module}: ${code}`);
  }
  return { declarations, imports };
}

/** Returns the names of a list of imports, each with the one that it has here. */
function namesIn(list: string): (readonly [imported: string, local: string])[] {
  return list
    .split(",")
    .map((item) => item.trim().replace(/^type /, ""))
    .filter((item) => item !== "")
    .map((item) => {
      const [imported = "", local = imported] = item.split(" as ");
      return [imported, local];
    });
}

function wordsOf(text: string): Set<string> {
  return new Set<string>(text.replace(COMMENT, "").match(/\w+/g) ?? []);
}

function print(module: string, { declarations, imports }: Module, needed: ReadonlySet<string>): string {
  const lists = new Map<string, string[]>();
  for (const [local, { from, name }] of imports) {
    if (!needed.has(local)) continue;
    const list = lists.get(from) ?? [];
    lists.set(from, [...list, name === local ? name : `${name} as ${local}`]);
  }
  const lines = [...lists].map(([from, list]) => {
    const path = posix.relative(posix.dirname(module), from);
    return `import type { ${list.join(", ")} } from "${path.startsWith(".") ? path : `./${path}`}";\n`;
  });
  const kept = declarations.filter(({ name }) => needed.has(name)).map(({ text }) => text);
  // Without an export every declaration would be one.
  return [...lines, ...kept, "export {};\n"].join("");
}
