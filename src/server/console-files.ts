import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiDocument, renderApiPage } from "./api-page/render.ts";
import type { Page, PageFile } from "./http/routes/page.ts";

// The single binary has the console and the description of the API in itself, built, and replaces this module
// (packages/binary/build.ts).

const CONSOLE_DIR = fileURLToPath(new URL("../console/", import.meta.url));
const API_DOCUMENT = fileURLToPath(new URL("../../docs/openapi.json", import.meta.url));
const API_STYLE = fileURLToPath(new URL("api-page/style.css", import.meta.url));

/**
 * Builds the console in memory, once at start. Bun's own HTML routes would do it too, but cannot carry our
 * Content-Security-Policy and Referrer-Policy (bun #16873, #18135).
 */
export async function createPage(folder = CONSOLE_DIR): Promise<Page> {
  const read = (name: string) => Bun.file(join(folder, name)).text();
  const page = new Map([
    ["/", pageFile(await read("index.html"), "text/html; charset=utf-8")],
    ["/console/icon.svg", pageFile(await read("icon.svg"), "image/svg+xml")],
  ]);
  for (const [name, script] of await bundle(join(folder, "main.tsx")))
    page.set(`/console/${name}`, pageFile(script, "text/javascript; charset=utf-8"));
  // Each style sheet in the folder itself is a file of the page; those in subfolders are imported by them.
  for await (const name of new Bun.Glob("*.css").scan(folder))
    for (const [part, style] of await bundle(join(folder, name)))
      page.set(`/console/${part}`, pageFile(style, "text/css; charset=utf-8"));
  return page;
}

let apiPage: Promise<Page> | undefined;

/** Makes the files of `/openapi.json` and `/docs` at the first call: a server that is not asked for them does not read them. */
export function createApiPage(): Promise<Page> {
  apiPage ??= readApiPage();
  return apiPage;
}

async function readApiPage(): Promise<Page> {
  const text = await Bun.file(API_DOCUMENT).text();
  const document: ApiDocument = JSON.parse(text);
  return new Map([
    // Without the blanks it is half as long.
    ["/openapi.json", pageFile(JSON.stringify(document), "application/json; charset=utf-8")],
    ["/docs", pageFile(renderApiPage(document), "text/html; charset=utf-8")],
    ["/docs/style.css", pageFile(await Bun.file(API_STYLE).text(), "text/css; charset=utf-8")],
  ]);
}

/**
 * Bundles and minifies the file at `path` with its imports. Returns the parts by name: a dynamic import becomes a part of its
 * own.
 *
 * JSX is set here, and not left to tsconfig.json, which is not in the packed package.
 */
export async function bundle(path: string): Promise<ReadonlyMap<string, string>> {
  const { outputs, logs } = await Bun.build({
    entrypoints: [path],
    target: "browser",
    minify: true,
    splitting: true,
    jsx: { runtime: "automatic", importSource: "preact", development: false },
  });
  if (outputs.length === 0) throw new Error(`The console was not built: ${logs.join("\n")}`);
  return new Map(
    await Promise.all(outputs.map(async (part) => [basename(part.path), await part.text()] as const)),
  );
}

function pageFile(content: string, type: string): PageFile {
  return {
    content,
    gzipped: Bun.gzipSync(new TextEncoder().encode(content)),
    type,
    etag: `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`,
  };
}
