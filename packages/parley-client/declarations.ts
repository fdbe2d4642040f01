// The library's type declarations: those that the compiler writes for src/client, made independent of other packages.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { z } from "zod";
import { ERRORS } from "../../src/protocol/errors.ts";
import { Message, PresentUser, Quota, Range, SERVER_FRAMES } from "../../src/protocol/server-frames.ts";
import { compile, publishedName } from "./compiler.ts";
import { reachable } from "./reachable.ts";

/** Modules that are declared as plain types instead: the frames use zod's types, which users do not have, and the errors contain texts. */
const PLAIN: Readonly<Record<string, () => string>> = {
  "protocol/server-frames": declareServerFrames,
  "protocol/errors": () => `export type ErrorCode = ${union(Object.keys(ERRORS))};\n`,
};

/** Writes index.d.ts, and all declarations that it imports, into each of `folders`. */
export function writeDeclarations(folders: readonly string[]): void {
  const declarations = mkdtempSync(join(tmpdir(), "parley-declarations-"));
  compile(declarations, ["--module", "Preserve", "--declaration", "--emitDeclarationOnly"]);
  const write = (name: string, text: string) => {
    for (const folder of folders) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  };
  const read = (name: string) => PLAIN[name]?.() ?? readFileSync(join(declarations, `${name}.d.ts`), "utf8");
  // In the texts a specifier ends with the source's extension.
  const texts = reachable("client/index.ts", (name) => read(name.replace(/\.ts$/, "")));
  for (const [name, text] of texts) {
    const at = publishedName(name).replace(/\.ts$/, "");
    const published = text.replace(/from "(\.\.?\/[^"]+)\.ts"/g, (_, specifier: string) => {
      const imported = publishedName(posix.join(posix.dirname(name), specifier));
      const path = posix.relative(posix.dirname(at), imported);
      return `from "${path.startsWith(".") ? path : `./${path}`}.js"`;
    });
    write(`${at}.d.ts`, published);
  }
  rmSync(declarations, { recursive: true });
}

/** Returns the server's frames as plain types. */
function declareServerFrames(): string {
  const frames = Object.values(SERVER_FRAMES).map((schema) => typeOf(schema));
  return [
    `export type Quota = ${typeOf(Quota)};`,
    `export type PresentUser = ${typeOf(PresentUser)};`,
    `export type Range = ${typeOf(Range)};`,
    `export type Message = ${typeOf(Message)};`,
    `export type ServerFrame =\n  | ${frames.join("\n  | ")};`,
    'export type ServerFrameOf<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;\n',
  ].join("\n");
}

function typeOf(schema: z.ZodType): string {
  return print(z.toJSONSchema(schema, { io: "output" }));
}

/** Returns a JSON schema, of the kinds that the frames use, as a TypeScript type. */
function print(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum);
  if (schema.anyOf !== undefined) return schema.anyOf.map(printAny).join(" | ");
  if (schema.type === "null") return "null";
  if (schema.type === "array") return `(${printAny(schema.items)})[]`;
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  if (schema.type === "object" && schema.properties === undefined) return "Record<string, unknown>";
  if (schema.type !== "object") throw new Error(`No type for ${JSON.stringify(schema)}`);
  const fields = Object.entries(schema.properties!).map(([name, field]) => {
    const isOptional = !schema.required?.includes(name);
    return `${name}${isOptional ? "?" : ""}: ${printAny(field)}${isOptional ? " | undefined" : ""}`;
  });
  return `{ ${fields.join("; ")} }`;
}

function printAny(schema: unknown): string {
  return print(schema as z.core.JSONSchema.BaseSchema);
}

function union(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(" | ");
}
