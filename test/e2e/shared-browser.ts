import { afterAll, beforeAll } from "bun:test";
import type { Browser } from "playwright-core";
import { startBrowser } from "../support/browser/browser.ts";

/** Lets the tests of the surrounding `describe` share a chromium; returns it, once they run. */
export function useBrowser(): () => Browser {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());
  return () => browser;
}
