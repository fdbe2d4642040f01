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
