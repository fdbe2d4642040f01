import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../packages/parley-client/build.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { blocksOf, ROOT, readPage } from "./pages.ts";

test("the example in docs/CLIENT.md runs as printed", async () => {
  await using server = await startTestServer();
  const folder = mkdtempSync(join(tmpdir(), "parley-example-"));
  const program = blocksOf(readPage("docs/CLIENT.md"))
    .find(({ words }) => words[0] === "js")!
    .text.replace("parley-client", join(ROOT, "src/client/index.ts"));
  writeFileSync(join(folder, "example.ts"), program);
  const child = Bun.spawn([process.execPath, "--no-env-file", "example.ts"], {
    cwd: folder,
    env: { ...process.env, PARLEY: server.url, TOKEN: await server.token("ann") },
  });
  expect((await new Response(child.stdout).text()).trim().split("\n")).toEqual([
    "line idle",
    "line connecting",
    "shown at once true",
    "line live",
    "ann hello",
    "stored as 1 of 1",
    "line closed",
  ]);
  rmSync(folder, { recursive: true });
});

test.skipIf(chromiumPath() === undefined)(
  "MX7 the list in docs/CLIENT.md shows a page first, and then new messages",
  async () => {
    const program = blocksOf(readPage("docs/CLIENT.md")).find(({ words }) => words[1] === "browser")!.text;
    const { code: library } = await bundle();
    const html = '<!doctype html><title>list</title><ol></ol><form><input name="text"></form>';
    const script = { "Content-Type": "text/javascript" };
    let token = "";
    let url = "";
    const site = Bun.serve({
      port: 0,
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/parley-client.js") return new Response(library, { headers: script });
        if (pathname === "/my-token") return new Response(token);
        // The page is on a server of its own here.
        if (pathname === "/page.js")
          return new Response(program.replace("location.origin", JSON.stringify(url)), { headers: script });
        const page = `${html}<script type="module" src="/page.js"></script>`;
        return new Response(page, { headers: { "Content-Type": "text/html" } });
      },
    });
    const origin = `http://localhost:${site.port}`;
    await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
    ({ url } = server);
    token = await server.token("ann");
    const post = async (text: string) =>
      fetch(`${url}/conversations/lobby/messages`, {
        method: "POST",
        headers: { Authorization: `Bearer ${await server.token("ben")}`, "Content-Type": "application/json" },
        body: JSON.stringify({ text }),
      });
    for (const text of ["one", "two"]) await post(text);
    const browser = await startBrowser();
    try {
      await using watched = await openPage(browser, origin);
      const rows = () =>
        watched.page.evaluate(() => [...document.querySelectorAll("li")].map((row) => row.textContent));
      await waitUntil("the page is shown", async () => (await rows()).length === 2);
      await post("three");
      await watched.page.fill("input", "four");
      await watched.page.press("input", "Enter");
      const areStored = (shown: readonly string[]) =>
        shown.length === 4 && shown.every((row) => !row.endsWith("(pending)"));
      await waitUntil("all are shown and stored", async () => areStored(await rows()));
      expect((await rows()).slice(0, 2)).toEqual(["ben: one", "ben: two"]);
      expect((await rows()).slice(2).sort()).toEqual(["ann: four", "ben: three"]);
    } finally {
      await browser.close();
      site.stop(true);
    }
  },
);
