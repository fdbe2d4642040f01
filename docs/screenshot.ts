// Makes docs/console.png and docs/console-dark.png, the pictures in the README: `bun docs/screenshot.ts`. Needs chromium.
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser } from "../test/support/browser.ts";
import { startTestServer } from "../test/support/server.ts";

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
  await takePicture(browser, colorScheme, fileURLToPath(new URL(name, import.meta.url)));
  console.log(`docs/${name}`);
}

async function takePicture(browser: Browser, colorScheme: "light" | "dark", path: string): Promise<void> {
  const options = { viewport: { width: 1200, height: 880 }, colorScheme };
  await using first = await openPage(browser, server.url, options);
  await using second = await openPage(browser, server.url, options);
  const pages = { user1: first.page, user2: second.page };
  await join(pages.user1, "user1", `tea-house-${colorScheme}`);
  await join(pages.user2, "user2", `tea-house-${colorScheme}`);
  for (const [index, [user, text]] of CONVERSATION.entries()) {
    await pages[user].getByRole("textbox", { name: "Message" }).fill(text);
    await pages[user].keyboard.press("Enter");
    for (const page of Object.values(pages)) await page.locator(`[data-seq='${index + 1}']`).waitFor();
  }
  await pages.user1.getByRole("button", { name: "Measure round trip" }).click();
  await pages.user1.getByText("Round trip", { exact: true }).waitFor();
  const last = pages.user1.locator(`[data-seq='${CONVERSATION.length}']`);
  await last.getByText("Read by user2").waitFor();
  await pages.user2.getByRole("textbox", { name: "Message" }).pressSequentially("On its");
  await pages.user1.getByText("user2 is typing…").waitFor();
  await pages.user1.getByRole("textbox", { name: "Message" }).focus();
  await pages.user1.screenshot({ path });
}

async function join(page: Page, user: string, conversation: string): Promise<void> {
  await page.getByRole("button", { name: user }).click();
  await page.getByRole("textbox", { name: "Conversation" }).fill(conversation);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.locator("#status[data-at='live']").waitFor();
}
