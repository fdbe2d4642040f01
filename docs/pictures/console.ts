// Makes docs/pictures/console.png and docs/pictures/console-dark.png, the pictures in the README: `bun docs/pictures/console.ts`. Needs chromium.
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { addClient, join, select } from "../../test/e2e/console-page.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";

/** Who says what, in turn. */
const CONVERSATION: readonly (readonly ["user1" | "user2", string])[] = [
  ["user2", "Morning! Does the order hold when we both write at once?"],
  ["user1", "It does: every message gets a number, and everybody sees the same."],
  ["user2", "And if my train goes through a tunnel before the ack?"],
  ["user1", "The page sends it again under the same id: stored once, charged once."],
  ["user2", "Then I can delete my retry code. Coffee is on me."],
  ["user1", "Milk, no sugar."],
];

await using server = await startTestServer();
await using browser = await startBrowser();
for (const colorScheme of ["light", "dark"] as const) {
  const name = colorScheme === "light" ? "console.png" : "console-dark.png";
  await takeScreenshot(browser, colorScheme, fileURLToPath(new URL(name, import.meta.url)));
  console.log(`docs/pictures/${name}`);
}

async function takeScreenshot(browser: Browser, colorScheme: "light" | "dark", path: string): Promise<void> {
  const conversation = `tea-house-${colorScheme}`;
  const options = { viewport: { width: 1400, height: 880 }, colorScheme };
  await using workbench = await openPage(browser, server.url, options);
  await using other = await openPage(browser, server.url, options);
  const { page } = workbench;
  await join(page, "user1", conversation);
  await addClient(page, "user2", conversation);
  await join(other.page, "user3", conversation);
  for (const [index, [user, text]] of CONVERSATION.entries()) {
    await select(page, user);
    await write(page, text);
    await page.keyboard.press("Enter");
    await page.locator(`.own[data-seq='${index + 1}']`).waitFor();
  }
  await page.getByRole("button", { name: "Measure round trip" }).click();
  await page.locator("#round-trip", { hasText: "ms" }).waitFor();
  await page.locator(`[data-seq='${CONVERSATION.length}']`).getByText("Read by").waitFor();
  await other.page.getByRole("textbox", { name: "Message" }).pressSequentially("Is there");
  await page.getByText("user3 is typing…").waitFor();
  const ack = page.locator(".frame.in", { has: page.locator(".type", { hasText: /^ack$/ }) });
  await ack.last().click();
  await page.getByRole("textbox", { name: "Message" }).focus();
  await page.screenshot({ path });
}

async function write(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
}
