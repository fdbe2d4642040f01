// Makes the pictures in docs/TESTING.md: `npx bun docs/pictures/testing.ts`. Needs chromium.
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { addClient, join, openPanel, say, select } from "../../test/e2e/console-page.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";

await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
await using browser = await startBrowser();
await using workbench = await openPage(browser, server.url, { viewport: { width: 1400, height: 800 } });
const { page } = workbench;

await join(page, "user1");
await addClient(page, "user2");
await openPanel(page, "Record");
await page.locator("#record").click();
await say(page, "Are you there?");
await select(page, "user1");
await say(page, "In a train, before a tunnel.");
await openPanel(page, "Faults");
await page.locator("#fault-cut").click();
await page.locator("#fault-outcomes", { hasText: "1006" }).waitFor();
await select(page, "user2");
await say(page, "I wait.");
await select(page, "user1");
await page.locator(".message", { hasText: "I wait." }).waitFor();
await takeScreenshot(page, "testing-faults");

await openPanel(page, "Timeline");
await page.locator(".frame", { hasText: "1006" }).first().click();
await takeScreenshot(page, "testing-timeline");

await openPanel(page, "Record");
await page.locator("#record").click();
await page.locator("#recording").waitFor();
await takeScreenshot(page, "testing-record");

async function takeScreenshot(of: Page, name: string): Promise<void> {
  // The announcement of what was just done covers it for a moment.
  await of.locator("#announcement span").waitFor({ state: "detached" });
  await of.screenshot({ path: fileURLToPath(new URL(`${name}.png`, import.meta.url)) });
  console.log(`docs/pictures/${name}.png`);
}
