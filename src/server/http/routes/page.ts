import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** One file of the console, ready to be sent. */
export interface PageFile {
  readonly content: string;
  /** The same, compressed: a third of the size. */
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

/** The console by path: `/`, `/console/main.js` and what it loads later, `/console/style.css` and other sheets, `/console/icon.svg`. */
export type Page = ReadonlyMap<string, PageFile>;

const CONSOLE_DIR = fileURLToPath(new URL("../../../console/", import.meta.url));

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

/** Serves a file of the page; a browser that has this very content already gets 304. */
export function pageRoute(file: PageFile): (c: { req: { raw: Request } }) => Response {
  // `no-cache` means "revalidate each time": after an update no browser runs an old page with a new server.
  const headers = {
    "Content-Type": file.type,
    // Weak, because it also stands for the compressed form.
    ETag: `W/${file.etag}`,
    "Cache-Control": "no-cache",
    Vary: "Accept-Encoding",
  };
  return ({ req }) => {
    const known = req.raw.headers.get("If-None-Match")?.split(",") ?? [];
    const fresh = known.some((etag) => etag.trim().replace(/^W\//, "") === file.etag);
    if (fresh) return new Response(null, { status: 304, headers });
    // It contains no secret that its length could reveal.
    return acceptsGzip(req.raw)
      ? new Response(file.gzipped, { headers: { ...headers, "Content-Encoding": "gzip" } })
      : new Response(file.content, { headers });
  };
}

/** Returns whether a client accepts gzip; `gzip;q=0` means that it does not. */
function acceptsGzip(request: Request): boolean {
  return /(?:^|,)\s*gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))/i.test(
    request.headers.get("Accept-Encoding") ?? "",
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
