// Makes docs/pictures/console.png and docs/pictures/console-dark.png, the pictures in the README, and both at the width of a phone:
// `npx bun docs/pictures/console.ts`. Needs chromium.
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { item } from "../../test/e2e/console-page.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";

type User = "user1" | "user2" | "user3";

/** The groups, each with its members' newest messages. */
const GROUPS: Readonly<Record<string, readonly (readonly [User, string])[]>> = {
  "Office plants": [["user2", "Who waters the monstera next week?"]],
  "Book club": [["user3", "Chapter nine was a surprise."]],
  "Support rota": [["user2", "I can take Thursday and Friday."]],
  "Weekend hike": [
    ["user3", "Shall we take the early train?"],
    ["user3", "Sun until three, then rain."],
  ],
  "Tea house": [
    ["user2", "Morning! Does the order hold when we both write at once?"],
    ["user1", "It does: every message gets a number, and everybody sees the same."],
    ["user2", "And if my train goes through a tunnel before the ack?"],
    ["user1", "The page sends it again under the same id: stored once, charged once."],
    ["user3", "Then I can delete my retry code. Coffee is on me."],
  ],
  "Design review": [["user3", "New mock-ups are in the folder."]],
};

await using browser = await startBrowser();
for (const colorScheme of ["light", "dark"] as const) {
  const dark = colorScheme === "dark" ? "-dark" : "";
  await takeScreenshot(browser, colorScheme, { width: 1440, height: 900 }, `console${dark}.png`);
  await takeScreenshot(browser, colorScheme, { width: 390, height: 844 }, `console-phone${dark}.png`);
}

async function takeScreenshot(
  browser: Browser,
  colorScheme: "light" | "dark",
  viewport: { readonly width: number; readonly height: number },
  name: string,
): Promise<void> {
  await using server = await startTestServer();
  const post = async (user: User, path: string, body: object) => {
    const answer = await fetch(server.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${await server.token(user)}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { readonly conversation: string };
  };
  const say = (user: User, conversation: string, text: string) =>
    post(user, `/conversations/${conversation}/messages`, { text });
  await say("user1", "lobby", "Good morning.");
  await say("user3", "lobby", "Morning!");
  const direct = await post("user2", "/conversations", { direct: "user1" });
  await say("user2", direct.conversation, "Did you see the new numbers?");
  for (const [title, messages] of Object.entries(GROUPS)) {
    const members = [{ user: "user1", role: "moderator" }, { user: "user3" }];
    const { conversation } = await post("user2", "/conversations", { access: "members", title, members });
    for (const [user, text] of messages) await say(user, conversation, text);
  }
  const options = { viewport, colorScheme };
  await using ann = await openPage(browser, server.url, options);
  await using bob = await openPage(browser, server.url, { viewport: { width: 1440, height: 900 } });
  for (const [{ page }, user] of [
    [bob, "user2"],
    [ann, "user1"],
  ] as const) {
    await page.locator("#demo-accounts").getByRole("button", { name: user }).click();
    await item(page, "Tea house").waitFor();
  }
  const { page } = ann;
  // At the width of a phone the picture is the inbox.
  if (viewport.width > 1000) await talk(page, bob.page);
  await page.screenshot({ path: fileURLToPath(new URL(name, import.meta.url)) });
  console.log(`docs/pictures/${name}`);
}

async function talk(page: Page, other: Page): Promise<void> {
  for (const one of [page, other]) await item(one, "Tea house").click();
  await page.getByRole("textbox", { name: "Message" }).fill("Milk, no sugar.");
  await page.keyboard.press("Enter");
  await page.locator("[data-seq='6']").getByText("Read by user2").waitFor();
  await other.getByRole("textbox", { name: "Message" }).pressSequentially("Is there");
  await page.getByText("user2 is typing…").waitFor();
}
