// Makes docs/pictures/console-changes.png, the picture of messages that were edited, erased and reacted to, with the menu of one:
// `npx bun docs/pictures/changes.ts`. Needs chromium and a font with emoji.
import { fileURLToPath } from "node:url";
import { connect } from "../../src/client/index.ts";
import { join, say } from "../../test/e2e/console-page.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";

await using browser = await startBrowser();
await using server = await startTestServer();
const users = await Promise.all(
  ["ben", "carla", "dora"].map(async (name) => connect({ url: server.url, token: await server.token(name) })),
);
const [ben, carla, dora] = users.map((user) => user.conversation("picnic"));
await ben!.send("Shall we meet at the north gate at six?");
await ben!.edit(1, { text: "Shall we meet at the north gate at seven?" });
await carla!.send("Sorry, wrong conversation.");
await carla!.erase(2, "wrong conversation");
await carla!.send("Seven is good. I bring the bread.", { reply_to: 1 });
await using ann = await openPage(browser, server.url, { viewport: { width: 820, height: 620 } });
const { page } = ann;
await join(page, "user1", "picnic");
await say(page, "I bring a salad.");
for (const user of [ben!, carla!, dora!]) await user.react(1, "👍");
await dora!.react(3, "❤️");
await page.locator("[data-seq='1'] .chip", { hasText: "👍" }).click();
await ben!.react(4, "🎉");
await page.locator("[data-seq='4'] .chip").waitFor();
await page.locator("[data-seq='1'] .chip[aria-pressed='true']").waitFor();
await page.locator("[data-seq='4']").hover();
await page.locator("#announcement-next").waitFor();
await page.getByRole("button", { name: "More about message 4" }).click();
await page.locator("#message-menu[open]").waitFor();
await page.screenshot({ path: fileURLToPath(new URL("console-changes.png", import.meta.url)) });
for (const user of users) await user.close();
