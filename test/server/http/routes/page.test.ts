import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPage } from "../../../../src/server/console-files.ts";
import { testApp } from "../../../support/server/http-app.ts";

/** A small console in a folder of its own. */
async function consoleFolder(files: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "parley-page-"));
  const all = {
    "index.html": '<!doctype html><script type="module" src="/console/main.js"></script>',
    "main.tsx": 'import { greeting } from "./greeting.ts";\ndocument.title = greeting satisfies string;\n',
    "greeting.ts": 'export const greeting: string = "hello";\n',
    "style.css": "body { margin: 0 }\n",
    "icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    ...files,
  };
  for (const [name, content] of Object.entries(all)) await Bun.write(join(folder, name), content);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe("the console's files", () => {
  test("SEC-P1 are built once, and served with our fields", async () => {
    await using made = await consoleFolder();
    const { send } = await testApp({ page: await createPage(made.folder) });
    for (const [path, type, part] of [
      ["/", "text/html", "<!doctype html>"],
      ["/console/main.js", "text/javascript", "hello"],
      ["/console/style.css", "text/css", "margin"],
      ["/console/icon.svg", "image/svg+xml", "<svg"],
    ]) {
      const response = await send(path!);
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toStartWith(type!);
      expect(response.headers.get("Content-Security-Policy")).toContain("script-src 'self'");
      expect(await response.text()).toContain(part!);
    }
    expect(await (await send("/console/main.js")).text()).not.toContain("satisfies");
    expect((await send("/console/main.tsx")).status).toBe(404);
    expect((await send("/console/..%2fmain.tsx")).status).toBe(404);
  });

  test("are revalidated each time and sent again only when they changed", async () => {
    await using made = await consoleFolder();
    const { send } = await testApp({ page: await createPage(made.folder) });
    const first = await send("/console/style.css");
    expect(first.headers.get("Cache-Control")).toBe("no-cache");
    const etag = first.headers.get("ETag")!;
    for (const known of [etag, etag.replace("W/", ""), `"other", ${etag}`]) {
      const again = await send("/console/style.css", { headers: { "If-None-Match": known } });
      expect([again.status, await again.text(), again.headers.get("ETag")]).toEqual([304, "", etag]);
    }
    expect((await send("/console/style.css", { headers: { "If-None-Match": '"other"' } })).status).toBe(200);
    await using changed = await consoleFolder({ "style.css": "body { margin: 1px }\n" });
    expect((await createPage(changed.folder)).get("/console/style.css")!.etag).not.toBe(
      etag.replace("W/", ""),
    );
  });

  test("are compressed for clients that accept that, and unchanged for others", async () => {
    await using made = await consoleFolder();
    const { send } = await testApp({ page: await createPage(made.folder) });
    const get = (accepted: string) =>
      send("/console/style.css", { headers: { "Accept-Encoding": accepted } });
    for (const accepted of ["gzip", "gzip, deflate, br, zstd", "br;q=1, gzip;q=0.5", "GZIP ;q=1"]) {
      const response = await get(accepted);
      expect([accepted, response.headers.get("Content-Encoding")]).toEqual([accepted, "gzip"]);
      expect(response.headers.get("Vary")).toContain("Accept-Encoding");
      const text = new TextDecoder().decode(Bun.gunzipSync(await response.bytes()));
      expect(text).toBe(await (await get("identity")).text());
    }
    for (const accepted of ["", "br", "gzip;q=0", "gzip; q=0.0, br", "xgzip"])
      expect([accepted, (await get(accepted)).headers.get("Content-Encoding")]).toEqual([accepted, null]);
  });

  test("a console that does not build stops the start with the reason", async () => {
    await using made = await consoleFolder({ "main.tsx": 'import "./not-there.ts";\n' });
    await expect(createPage(made.folder)).rejects.toThrow();
  });
});
