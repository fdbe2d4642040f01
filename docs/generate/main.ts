// Writes the documents that are made from the code: `npm run docs`. With --check, as in `npm run check`, it writes
// nothing and fails when one of them is not what the code would make.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { dashboardJson } from "../../deploy/grafana/dashboard.ts";
import type { EventDefinition } from "../../src/core/events/definition.ts";
import { EVENT_AREAS } from "../../src/core/events/events.ts";
import { FIELDS } from "../../src/core/events/fields.ts";
import { CLIENT_FRAMES } from "../../src/protocol/client-frames.ts";
import { CLOSE_CODES, FINAL_REGISTERED, mayReconnect } from "../../src/protocol/close-codes.ts";
import { ERRORS, type ErrorCategory, type ErrorEntry } from "../../src/protocol/errors.ts";
import { flagOf, SETTING_NAMES, type SettingName, setting } from "../../src/server/settings/table.ts";
import { framesPage } from "./frames-page.ts";
import { httpPage } from "./http/http-page.ts";
import { openApiDocument } from "./http/openapi.ts";
import { metricsPage } from "./metrics-page.ts";
import { pageWithFiles } from "./page-with-files.ts";

const ROOT = join(import.meta.dir, "../..");

/** The generated files by their path in the repository. */
export const DOCUMENTS: ReadonlyMap<string, () => string> = new Map([
  ["docs/SETTINGS.md", settingsPage],
  ["docs/ERRORS.md", errorsPage],
  ["docs/FRAMES.md", framesPage],
  ["docs/HTTP.md", httpPage],
  ["docs/METRICS.md", metricsPage],
  ["docs/BACKEND.md", backendPage],
  ["docs/openapi.json", openApiDocument],
  ["deploy/grafana/parley.json", dashboardJson],
  [".env.example", envExample],
  ["docs/LOG.md", logPage],
  ["src/console/panel/send/client-fields.json", clientFields],
]);

function read(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return undefined;
  }
}

function settingsPage(): string {
  const parts = [
    `# Settings

<!-- Made by docs/generate/main.ts from src/server/settings/table.ts. Change it there, then: npm run docs -->

A setting comes from, strongest first: a flag (\`npm start -- --port 9000\`), the environment, the file \`.env\` in the
folder where Parley is started, and its default. An empty value counts as none. With a wrong setting the server does not
start, and prints all wrong settings at once.

\`.env\` has one \`NAME=value\` a line. What follows a \`#\` is a comment, \`$\` is not special, and a value with \`#\` or
with blanks at its ends stands in quotes: \`INACTIVITY_TIMEOUT=300  # in seconds\`. \`.env.example\` is one to begin with.

Secrets have no flag: the command line of a program can be read by every user of the machine.
`,
  ];
  for (const [group, names] of byGroup()) {
    parts.push(`## ${group}\n\n| name | default | what it sets | accepted |\n| --- | --- | --- | --- |`);
    parts.push(`${names.map(settingRow).join("\n")}\n`);
  }
  return parts.join("\n");
}

function settingRow(name: SettingName): string {
  const { kind, about, default: usual, unset, reason, secret } = setting(name);
  const flag = flagOf(name);
  const names = `\`${name}\`${flag === undefined ? "" : `<br>\`${flag}\``}`;
  const shown = usual ? `\`${usual}\`` : (unset ?? "–");
  const why = reason === undefined ? "" : ` (default: ${reason})`;
  return row(names, shown, `${about}${why}${secret ? "; secret" : ""}`, kind.accepts);
}

function byGroup(): Map<string, SettingName[]> {
  const groups = new Map<string, SettingName[]>();
  for (const name of SETTING_NAMES) {
    const { group } = setting(name);
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return groups;
}

function envExample(): string {
  const parts = [
    "# Copy to .env and take the # away from what you change. docs/SETTINGS.md explains every setting.\n",
  ];
  for (const [group, names] of byGroup()) {
    const lines = names.map((name) => `# ${setting(name).about}\n#${name}=${setting(name).default ?? ""}`);
    parts.push(`# --- ${group} ---\n\n${lines.join("\n\n")}\n`);
  }
  return parts.join("\n");
}

const CATEGORIES: Readonly<Record<ErrorCategory, string>> = {
  authentication: "The user is not known, or may not do this.",
  "rate limit": "A limit was reached. Where the answer has a time, wait for it; else end something first.",
  inactivity: "There was no activity for a while.",
  "invalid connection": "The connection, or the request for one, is not valid.",
  validation: "A frame or a request could be read, but has a wrong value.",
  "message parsing": "The text is not a frame.",
  server: "The cause is in the server, not in the client.",
};

function errorsPage(): string {
  const parts = [
    `# Errors and close codes

<!-- Made by docs/generate/main.ts from src/protocol/errors.ts and src/protocol/close-codes.ts. Change them there, then: npm run docs -->

Every error has a \`code\` that does not change; its \`message\` is for people and may change. On the socket it comes in an
\`error\` frame, over HTTP in a problem document (RFC 9457) with the status below. Where there is a close code, the
socket may be closed with it, and then a \`closing\` frame follows the \`error\`; without one it stays open. An error that ends
a conversation comes as \`closed\` on the socket of a user, and the socket stays open.

One answer has no code: where address and fields of an HTTP request are longer than 16 KiB in all, the runtime answers an
empty 431 and ends the connection (RT-30 in [RUNTIME.md](RUNTIME.md)).
`,
  ];
  const entries: [string, ErrorEntry][] = Object.entries(ERRORS);
  for (const [category, about] of Object.entries(CATEGORIES)) {
    const rows = entries
      .filter(([, entry]) => entry.category === category)
      .map(([code, { http, close, endsConversation, what, advice }]) =>
        row(
          `\`${code}\``,
          `${http}`,
          `${close ?? "–"}`,
          endsConversation ? "conversation" : "–",
          what,
          advice,
        ),
      );
    parts.push(
      `## ${category[0]!.toUpperCase()}${category.slice(1)}\n\n${about}\n
| code | HTTP | close | ends | what happened | what to do |\n| --- | --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`,
    );
  }
  const closes = Object.entries(CLOSE_CODES).map(([code, { reason, advice, ...entry }]) => {
    const otherwise = "passes" in entry ? "after `closing.retry_after`" : "no";
    return row(code, reason, mayReconnect(Number(code)) ? "yes" : otherwise, advice);
  });
  parts.push(`## Close codes

A client need not know every code: after \`1xxx\` reconnect with back-off and resume, after \`44xx\` change something
first. Exceptions are 1000 and the codes for errors in the client's own frames, which are final: ${FINAL_REGISTERED.join(", ")}.
The field \`reconnect\` of a \`closing\` frame overrides this rule: 4409 comes with \`reconnect: true\` and
\`retry_after\`, because a place becomes free when another connection of the user ends. Reconnect after that time
with the same address, and show meanwhile that the user has too many connections.

| code | reason | reconnect automatically | what to do |\n| --- | --- | --- | --- |\n${closes.join("\n")}\n`);
  return parts.join("\n");
}

/** The page as it is, with the programs of examples/backend/ as they are. */
function backendPage(): string {
  return pageWithFiles(read("docs/BACKEND.md") ?? "", (path) => readFileSync(join(ROOT, path), "utf8"));
}

const EVENTS_BEGIN =
  "<!-- Made by docs/generate/main.ts from src/core/events/. Change it there, then: npm run docs -->\n\n";
const EVENTS_END = "<!-- End of what docs/generate/main.ts makes -->\n";

/** The page as it is, with the tables of events between the two marks made again. */
function logPage(): string {
  const page = read("docs/LOG.md") ?? "";
  const [before, rest] = page.split(EVENTS_BEGIN);
  const after = rest?.split(EVENTS_END)[1];
  if (before === undefined || after === undefined)
    throw new Error("docs/LOG.md lacks the marks between which the tables of events stand.");
  return `${before}${EVENTS_BEGIN}${eventTables()}${EVENTS_END}${after}`;
}

function eventTables(): string {
  const areas = Object.entries(EVENT_AREAS).map(
    ([area, events]) => [area, Object.entries<EventDefinition>(events)] as const,
  );
  const urgent = areas.flatMap(([, events]) => events.filter(([, { urgent }]) => urgent));
  const tables = [
    eventTable("Look into it at once", urgent),
    ...areas.map(([area, events]) =>
      eventTable(
        area,
        events.filter(([, { urgent }]) => !urgent),
      ),
    ),
  ];
  const fields = Object.entries(FIELDS).map(([name, { type, text }]) => row(`\`${name}\``, type, text));
  tables.push(
    `**Fields**\n\nA field means the same in every event.\n\n| field | type | what it holds |\n| --- | --- | --- |\n${fields.join("\n")}\n\n`,
  );
  return tables.join("");
}

function eventTable(title: string, events: readonly (readonly [string, EventDefinition])[]): string {
  const rows = events.map(([name, { level, fields, text }]) => {
    const names = fields.map((field) => `\`${field.replace("?", "")}\`${field.endsWith("?") ? "?" : ""}`);
    return row(`\`${name}\``, level, names.join(", ") || "–", text);
  });
  return `**${title}**\n\n| event | level | fields | what happened, and what to do |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n\n`;
}

/** The fields of the frames that a client sends, for the console's forms: the schemas themselves would make the page twice as large. */
function clientFields(): string {
  const types = Object.entries(CLIENT_FRAMES).map(([type, schema]) => {
    const { properties = {}, required = [] } = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
    });
    const fields = Object.entries(properties).filter(([name]) => name !== "type");
    return [
      type,
      Object.fromEntries(fields.map(([name, field]) => [name, fieldOf(field, required.includes(name))])),
    ];
  });
  return `${JSON.stringify(Object.fromEntries(types), null, 2)}\n`;
}

function fieldOf(field: z.core.JSONSchema._JSONSchema, required: boolean): object {
  if (typeof field === "boolean")
    throw new Error("A field of a client's frame may be anything; the form cannot show that.");
  const { type, minimum, maximum, minLength, maxLength, pattern, default: usual } = field;
  const bounds = {
    minimum,
    // Every whole number has this one, which says nothing.
    maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    minLength,
    maxLength,
    pattern,
    default: usual,
  };
  // Of several types, such as an object or null, the form shows the first.
  return { kind: [type].flat()[0], required, ...bounds };
}

/** A row of a table; a bar inside a cell would end it. */
function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

if (import.meta.main) {
  const stale = [...DOCUMENTS].filter(([path, make]) => read(path) !== make());
  if (process.argv.includes("--check")) {
    for (const [path] of stale) console.error(`${path} is not what the code says. Run: npm run docs`);
    process.exit(stale.length === 0 ? 0 : 1);
  }
  for (const [path, make] of stale) {
    writeFileSync(join(ROOT, path), make());
    console.log(`wrote ${path}`);
  }
}
