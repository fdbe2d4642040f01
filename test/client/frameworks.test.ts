// The components of docs/CLIENT.md, in a real browser: what changes is one interface for React, Vue and Svelte.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { blocksOf, ROOT, readPage } from "../docs/pages.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { enter } from "../support/clients/library.ts";
import { isLong } from "../support/random.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const isInstalled = ["react", "react-dom", "vue", "svelte"].every((name) => {
  try {
    return Bun.resolveSync(name, ROOT) !== "";
  } catch {
    return false;
  }
});

const blocks = blocksOf(readPage("docs/CLIENT.md"));
const blockOf = (word: string) => blocks.find(({ words }) => words.includes(word))!.text;

const CONNECT = `
import { connect, watchMessages } from "parley-client";
const parley = connect({ url: location.origin, token: async () => (await fetch("/my-token")).text() });
const room = parley.conversation("lobby");
document.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  room.send(document.querySelector("input").value);
};
`;

/** Each page's program, by the name of its framework. */
const PROGRAMS: Readonly<Record<string, () => Promise<string>>> = {
  react: async () => blockOf("react"),
  vue: async () => `
    ${CONNECT}
    import { createApp, h, onScopeDispose, shallowRef } from "vue/dist/vue.runtime.esm-bundler.js";
    ${blockOf("vue")}
    createApp({
      setup() {
        const list = use(watchMessages(room));
        return () => h("ol", list.value.entries.map(({ key, from, text }) => h("li", { key }, from + ": " + text)));
      },
    }).mount("main");
  `,
  svelte: async () => {
    const { compile } = await import(Bun.resolveSync("svelte/compiler", ROOT));
    const component = compile(blockOf("svelte"), { generate: "client", name: "List" }).js.code as string;
    return `
      ${component}
      ${CONNECT}
      import { mount } from "svelte";
      mount(List, { target: document.querySelector("main"), props: { messages: watchMessages(room) } });
    `;
  },
};

describe.skipIf(chromiumPath() === undefined || !isInstalled)("a component of docs/CLIENT.md", () => {
  // Within the project, so that the packages are found.
  mkdirSync(join(ROOT, "node_modules/.cache"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "node_modules/.cache/parley-frameworks-"));
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** Bundles a program as an application's bundler does. */
  async function bundled(name: string): Promise<string> {
    const entry = join(folder, `${name}.js`);
    const program = await PROGRAMS[name]!();
    writeFileSync(
      entry,
      program.replaceAll('"parley-client"', JSON.stringify(join(ROOT, "src/client/index.ts"))),
    );
    const built = await Bun.build({
      entrypoints: [entry],
      target: "browser",
      conditions: ["browser"],
      define: {
        "process.env.NODE_ENV": '"production"',
        __VUE_OPTIONS_API__: "false",
        __VUE_PROD_DEVTOOLS__: "false",
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
      },
    });
    return built.outputs[0]!.text();
  }

  test.each(Object.keys(PROGRAMS).slice(0, isLong ? undefined : 1))(
    "of %s shows messages, and sends one",
    async (name) => {
      const program = await bundled(name);
      let [url, token] = ["", ""];
      const form = name === "react" ? "" : "<form><input></form>";
      const html = `<!doctype html><title>room</title><link rel="icon" href="data:,"><main></main>${form}<script type="module" src="/page.js"></script>`;
      const site = Bun.serve({
        port: 0,
        fetch(request) {
          const { pathname } = new URL(request.url);
          if (pathname === "/my-token") return new Response(token);
          // The page is on a server of its own here.
          const [text, type] =
            pathname === "/page.js"
              ? [program.replaceAll("location.origin", JSON.stringify(url)), "text/javascript"]
              : [html, "text/html"];
          return new Response(text, { headers: { "Content-Type": type } });
        },
      });
      const origin = `http://localhost:${site.port}`;
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
      ({ url } = server);
      token = await server.token("ann");
      await using ben = await enter(server, "ben");
      await ben.lobby.send("one");
      await using watched = await openPage(browser, origin);
      const { page } = watched;
      try {
        const rows = () => page.locator("li").allTextContents();
        await waitUntil("the first message is shown", async () => (await rows()).join() === "ben: one");
        await page.locator("input").fill("two");
        await page.locator("input").press("Enter");
        await waitUntil("the own one is shown", async () => (await rows()).join() === "ben: one,ann: two");
        await ben.lobby.send("three");
        await waitUntil("and the next", async () => (await rows()).at(-1) === "ben: three");
        expect(watched.errors).toEqual([]);
      } finally {
        site.stop(true);
      }
    },
    120_000,
  );
});
