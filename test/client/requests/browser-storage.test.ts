import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { ROOT } from "../../docs/pages.ts";
import { chromiumPath, startBrowser } from "../../support/browser/browser.ts";

interface Kept {
  storage: { load(key: string): Promise<{ id: string }[]>; save(key: string, all: object[]): Promise<void> };
}

describe.skipIf(chromiumPath() === undefined)("browserStorage", () => {
  let browser: Browser;
  let origin = "";
  let stop = () => {};

  beforeAll(async () => {
    browser = await startBrowser();
    const built = await Bun.build({
      entrypoints: [join(ROOT, "src/client/requests/browser-storage.ts")],
      target: "browser",
      format: "esm",
    });
    const code = await built.outputs[0]!.text();
    const html = '<!doctype html><title>tab</title><link rel="icon" href="data:,">';
    const page = `${html}<script type="module">import { browserStorage } from "/storage.js"; globalThis.storage = browserStorage();</script>`;
    const site = Bun.serve({
      port: 0,
      fetch: (request) =>
        new URL(request.url).pathname === "/storage.js"
          ? new Response(code, { headers: { "Content-Type": "text/javascript" } })
          : new Response(page, { headers: { "Content-Type": "text/html" } }),
    });
    origin = `http://localhost:${site.port}`;
    stop = () => void site.stop(true);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    stop();
  });

  const load = (page: Page) =>
    page.evaluate(async () =>
      (await (globalThis as never as Kept).storage.load("ann/lobby")).map(({ id }) => id),
    );
  const save = (page: Page, ...ids: string[]) =>
    page.evaluate(
      async (all) =>
        (globalThis as never as Kept).storage.save(
          "ann/lobby",
          all.map((id) => ({ id, text: id })),
        ),
      ids,
    );
  const enter = async (page: Page) => {
    await page.goto(origin);
    await page.waitForFunction(() => "storage" in globalThis);
    return page;
  };

  test("each tab has a place of its own, which it keeps over a reload", async () => {
    await using context = await browser.newContext();
    const one = await enter(await context.newPage());
    const two = await enter(await context.newPage());
    expect([await load(one), await load(two)]).toEqual([[], []]);
    await save(one, "m1");
    await save(two, "m2");
    await enter(one);
    expect(await load(one)).toEqual(["m1"]);
    expect(await load(two)).toEqual(["m2"]);
    await save(one);
    await enter(one);
    expect(await load(one)).toEqual([]);
  });

  test("a tab takes over what a closed tab left, once, and before its own", async () => {
    await using context = await browser.newContext();
    const one = await enter(await context.newPage());
    const two = await enter(await context.newPage());
    await load(one);
    await load(two);
    await save(one, "left behind");
    await save(two, "mine");
    // What an open tab has is not touched.
    expect(await load(two)).toEqual(["mine"]);
    await one.close();
    let all: string[] = [];
    // The browser frees the lock soon after the tab is gone.
    for (let round = 0; round < 100 && all.length < 2; round++) {
      all = await load(two);
      await Bun.sleep(50);
    }
    expect(all).toEqual(["left behind", "mine"]);
    expect(await load(two)).toEqual(["left behind", "mine"]);
    const three = await enter(await context.newPage());
    expect(await load(three)).toEqual([]);
  });
});
