import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_REDIS_RETENTION } from "../../src/core/conversation/retention.ts";
import { EVENT_NAMES, eventDefinition } from "../../src/core/events/events.ts";
import { FIELDS } from "../../src/core/events/fields.ts";
import { SETTINGS } from "../../src/server/settings/table.ts";
import { proseOf, ROOT, readPage } from "./pages.ts";

const PAGE = "docs/OPERATIONS.md";

/** Environment names of the runtime, of commands that connect to a server, or of the tests; they are no settings. */
const NON_SETTINGS = ["NODE_EXTRA_CA_CERTS", "PARLEY_API_KEY", "PARLEY_TOKEN", "REDIS_SERVER"];

/** The rows of the tables of events in docs/LOG.md: name, level, fields. */
function eventsOnPage(): [name: string, level: string, fields: string[]][] {
  const rows = readPage("docs/LOG.md").matchAll(
    /^\| `([a-z_.]+)` \| (debug|info|warn|error) \| ([^|]+) \|/gm,
  );
  return [...rows].map(([, name = "", level = "", fields = ""]) => [
    name,
    level,
    [...fields.matchAll(/`([a-z_]+)`(\??)/g)].map(([, field, optional]) => `${field}${optional}`),
  ]);
}

test("every event stands in LOG.md once, with its level and its fields, and no other event does", () => {
  expect(EVENT_NAMES.length).toBeGreaterThan(80);
  const defined = EVENT_NAMES.map((name) => {
    const { level, fields } = eventDefinition(name);
    return [name, level, [...fields]];
  });
  expect(eventsOnPage().sort()).toEqual(defined.sort() as ReturnType<typeof eventsOnPage>);
});

test("every event is emitted somewhere, and every field belongs to an event", () => {
  const sources = ["core", "engine", "server", "cli"].flatMap((folder) =>
    readdirSync(join(ROOT, "src", folder), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith(".ts") && !/^events\/[a-z-]+-events\.ts$/.test(path))
      .map((path) => readFileSync(join(ROOT, "src", folder, path), "utf8")),
  );
  expect(EVENT_NAMES.filter((name) => !sources.some((text) => text.includes(`"${name}"`)))).toEqual([]);
  const used = new Set(
    EVENT_NAMES.flatMap((name) => eventDefinition(name).fields.map((field) => field.replace("?", ""))),
  );
  expect(Object.keys(FIELDS).filter((field) => !used.has(field))).toEqual([]);
});

test("names of events and fields are in snake_case, so that a query language takes them as they are", () => {
  for (const name of EVENT_NAMES) expect(name).toMatch(/^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?$/);
  for (const field of Object.keys(FIELDS)) expect(field).toMatch(/^[a-z]+(_[a-z]+)*$/);
});

test("every setting that the page names exists", () => {
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
