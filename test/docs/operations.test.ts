import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_REDIS_RETENTION } from "../../src/core/conversation/retention.ts";
import { SETTINGS } from "../../src/server/settings/table.ts";
import { proseOf, ROOT, readPage } from "./pages.ts";

const PAGE = "docs/OPERATIONS.md";

/** Names in the environment that the runtime knows, or commands that speak to a server, and that are no settings. */
const NON_SETTINGS = ["NODE_EXTRA_CA_CERTS", "PARLEY_TOKEN"];

/** Ends of file names, which look like events in the source. */
const FILE_EXTENSIONS = [
  "css",
  "db",
  "end",
  "html",
  "js",
  "json",
  "key",
  "lock",
  "md",
  "mjs",
  "svg",
  "ts",
  "tsx",
];

/** Every event that the source can write: dotted nouns in quotes, and the plain ones that are handed to a log. */
function eventsInSource(): Set<string> {
  const found = new Set<string>();
  for (const folder of ["core", "engine", "server", "cli"])
    for (const path of readdirSync(join(ROOT, "src", folder), { recursive: true }).map(String)) {
      if (!path.endsWith(".ts")) continue;
      const text = readFileSync(join(ROOT, "src", folder, path), "utf8");
      for (const [, event = ""] of text.matchAll(/"([a-z_]+\.[a-z_]+)"/g))
        if (!FILE_EXTENSIONS.includes(event.split(".")[1]!)) found.add(event);
      for (const [, event = ""] of text.matchAll(/\blog\.(?:debug|info|warn|error)\(\s*"([a-z_.]+)"/g))
        found.add(event);
    }
  return found;
}

/** The events in the first column of the page's tables of the log. */
function eventsOnPage(): Set<string> {
  const [, log = ""] = readPage(PAGE).split("\n## The log\n");
  const [tables = ""] = log.split("\n## ");
  const cells = [...tables.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell]) => cell!);
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([a-z_.]+)`/g)].map(([, event]) => event!)));
}

test("every event of the log is explained, and none that there is not", () => {
  const inSource = eventsInSource();
  expect(inSource.size).toBeGreaterThan(40);
  expect([...eventsOnPage()].sort()).toEqual([...inSource].sort());
});

test("every setting that the page names is one", () => {
  const names = [...proseOf(readPage(PAGE)).matchAll(/`([A-Z]+_[A-Z_]*[A-Z])(?:=[^`]*)?`/g)];
  expect(names.length).toBeGreaterThan(10);
  const known = [...Object.keys(SETTINGS), ...NON_SETTINGS];
  for (const [, name = ""] of names) expect(known).toContain(name);
});

test("the limits that hold with Redis are those of the code", () => {
  const { messages, days } = DEFAULT_REDIS_RETENTION;
  expect(readPage(PAGE)).toContain(
    `the newest ${messages.toLocaleString("en")} of a conversation for ${days} days`,
  );
  expect<string>(SETTINGS.RETENTION_MESSAGES.unset).toBe(`0; with Redis ${messages}`);
  expect<string>(SETTINGS.RETENTION_DAYS.unset).toBe(`0; with Redis ${days}`);
});
