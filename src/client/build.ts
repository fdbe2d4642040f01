// npm run build:client: writes dist/client, which is what `import … from "parley/client"` finds in the packed package.
// index.js is one ES module without imports; the declarations need nothing but each other.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Member, Message, Quota, SERVER_FRAMES } from "../protocol/server-frames.ts";

const ROOT = join(import.meta.dir, "../..");

/** Made of zod's types, which the published declarations must not need: they are written anew, as plain types. */
const WITHOUT_ZOD: Readonly<Record<string, () => string>> = {
  "protocol/server-frames": declareServerFrames,
};

/** The bundle, as it is published. */
export async function bundle(): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "connect.ts")],
    target: "browser",
    format: "esm",
    minify: true,
  });
  return built.outputs[0]!.text();
}

/** Builds into `folder`. */
export async function build(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "protocol"), { recursive: true });
  writeFileSync(join(folder, "index.js"), await bundle());
  const declarations = emitDeclarations();
  writeFileSync(join(folder, "index.d.ts"), 'export * from "./connect.js";\n');
  const names = new Set(["client/connect"]);
  // A set gives what is added while it is walked, too.
  for (const name of names) {
    const text = WITHOUT_ZOD[name]?.() ?? readFileSync(join(declarations, `${name}.d.ts`), "utf8");
    for (const [, up, imported] of text.matchAll(/from "(\.\.?)\/([^"]+)\.ts"/g))
      names.add(up === ".." ? imported! : `client/${imported}`);
    const published = text.replace(/from "\.\.?\/([^"]+)\.ts"/g, 'from "./$1.js"');
    writeFileSync(join(folder, `${name.replace("client/", "")}.d.ts`), published);
  }
  rmSync(declarations, { recursive: true });
}

/** Has the compiler write the declarations of everything that connect.ts imports; answers the folder. */
function emitDeclarations(): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-declarations-"));
  const compiler = Bun.spawnSync(
    [
      join(ROOT, "node_modules/.bin/tsc"),
      ...["--declaration", "--emitDeclarationOnly", "--outDir", folder, "--rootDir", join(ROOT, "src")],
      ...["--ignoreConfig", "--strict", "--target", "ESNext", "--module", "Preserve", "--skipLibCheck"],
      ...[
        "--moduleResolution",
        "bundler",
        "--allowImportingTsExtensions",
        "--lib",
        "ESNext,DOM,DOM.Iterable",
      ],
      join(ROOT, "src/client/connect.ts"),
    ],
    { cwd: ROOT },
  );
  if (!compiler.success) throw new Error(compiler.stdout.toString());
  return folder;
}

/** The server's frames as plain types. */
function declareServerFrames(): string {
  const frames = Object.values(SERVER_FRAMES).map((schema) => typeOf(schema));
  return [
    `export type Quota = ${typeOf(Quota)};`,
    `export type Member = ${typeOf(Member)};`,
    `export type Message = ${typeOf(Message)};`,
    `export type ServerFrame =\n  | ${frames.join("\n  | ")};`,
    'export type ServerFrameOf<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;\n',
  ].join("\n");
}

function typeOf(schema: z.ZodType): string {
  return print(z.toJSONSchema(schema, { io: "output" }));
}

/** A JSON schema, of the kinds that the frames use, as TypeScript. */
function print(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(printAny).join(", ")}]`;
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

if (import.meta.main) await build(join(ROOT, "dist/client"));
