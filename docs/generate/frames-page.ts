// Makes docs/FRAMES.md: every frame with its fields, from the schemas and the comments above them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CLIENT_FRAMES } from "../../src/protocol/client-frames.ts";
import { SERVER_FRAMES } from "../../src/protocol/server-frames.ts";
import { projectPaths, readProjectFile } from "../checks/project-files.ts";

/** The pages that explain frames, with their paths relative to docs/. */
const PAGES = projectPaths(new Bun.Glob("docs/protocol/*.md")).map((path) => ({
  path: path.slice("docs/".length),
  text: readProjectFile(path),
}));

type Schema = z.core.JSONSchema._JSONSchema;

/** Returns the page. */
export function framesPage(): string {
  return `# All frames

<!-- Made by docs/generate/main.ts from src/protocol/client-frames.ts, server-frames.ts and frames/. Change them there, then: npm run docs -->

Every frame is a JSON object whose \`type\` is its name. A \`?\` after a field says that it may be missing. The pages behind
the names explain the fields, and have examples and the rules.

## From the client

${tableOf("client", CLIENT_FRAMES, "input")}
## From the server

${tableOf("server", SERVER_FRAMES, "output")}`;
}

function tableOf(
  side: "client" | "server",
  frames: Readonly<Record<string, z.ZodType>>,
  io: "input" | "output",
): string {
  const read = (file: string) =>
    readFileSync(join(import.meta.dir, "../../src/protocol", `${file}-frames.ts`), "utf8");
  const source = read(side) + ["inbox", "stream", "change"].map((part) => read(`frames/${part}`)).join("");
  const names = schemaNames(source, side);
  const rows = Object.entries(frames).map(([type, schema]) => {
    const { properties = {}, required = [] } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
    const fields = Object.entries(properties)
      .filter(([name]) => name !== "type")
      .map(([name, field]) => `\`${name}${required.includes(name) ? "" : "?"}\` ${typeOf(field)}`);
    const about = commentAbove(source, names.get(type) ?? "");
    return `| [\`${type}\`](${pageOf(side, type)}#${side}-${type}) | ${fields.join("<br>") || "–"} | ${about.replaceAll("|", "\\|")} |`;
  });
  return `| frame | fields | when |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

/** Returns the page, relative to docs/, that has the heading of a frame. */
function pageOf(side: "client" | "server", type: string): string {
  const heading = `\n## ${side === "client" ? "Client" : "Server"} \`${type}\`\n`;
  const page = PAGES.find(({ text }) => text.includes(heading));
  if (page === undefined) throw new Error(`No page of docs/protocol/ has the heading${heading.trimEnd()}.`);
  return page.path;
}

/** Returns the name of the constant that holds the schema of each frame. */
function schemaNames(source: string, side: "client" | "server"): Map<string, string> {
  const table = source.slice(source.indexOf(`export const ${side.toUpperCase()}_FRAMES`));
  const entries = table.slice(0, table.indexOf("} as const")).matchAll(/^ {2}(\w+): (\w+),$/gm);
  return new Map([...entries].map(([, type, name]) => [type!, name!]));
}

/** Returns the comment above a constant as one line of text. */
function commentAbove(source: string, name: string): string {
  const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\nexport const ${name} =`).exec(source)?.[1];
  if (comment === undefined)
    throw new Error(`The schema ${name} has no comment, which docs/FRAMES.md needs.`);
  return comment.replaceAll(/\s*\n\s*\*? ?/g, " ").trim();
}

/** Returns the type of a field in a few words. */
function typeOf(field: Schema): string {
  if (typeof field === "boolean") return "any value";
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.enum !== undefined && field.enum.length <= 10)
    return field.enum.map((value) => `\`${value}\``).join(", ");
  if (field.enum !== undefined) return "a code";
  if (field.anyOf !== undefined) return field.anyOf.map(typeOf).join(" or ");
  switch (field.type) {
    case "array":
      return `list of ${typeOf((field.items as Schema | undefined) ?? true)}`;
    case "object": {
      const names = Object.keys(field.properties ?? {});
      const required = field.required ?? [];
      return names.length === 0
        ? "object"
        : `{${names.map((name) => `${name}${required.includes(name) ? "" : "?"}`).join(", ")}}`;
    }
    case "integer":
      return "whole number";
    default:
      return String(field.type ?? "any value");
  }
}
