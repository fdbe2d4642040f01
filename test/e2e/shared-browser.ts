import { afterAll, beforeAll } from "bun:test";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { openPage, startBrowser, type WatchedPage } from "../support/browser/browser.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

/** Lets the tests of the surrounding `describe` share a chromium; returns it, once they run. */
export function useBrowser(): () => Browser {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());
  return () => browser;
}

/** Lets the tests of the surrounding `describe` share a server with the settings `env`; returns it, once they run. */
export function useServer(env: Readonly<Record<string, string>> = {}): () => TestServer {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env });
  });
  afterAll(() => server.stop());
  return () => server;
}

/** Lets the tests of the surrounding `describe` share a page of a server, one after the other; returns it, once they run. */
export function usePage(
  browser: () => Browser,
  server: () => TestServer,
  options: BrowserContextOptions = {},
): () => WatchedPage {
  let page: WatchedPage;
  beforeAll(async () => {
    page = await openPage(browser(), server().url, options);
  });
  afterAll(() => page[Symbol.asyncDispose]());
  return () => page;
}
