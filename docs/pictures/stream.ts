// Makes docs/pictures/console-stream.png, the picture of an answer that grows: `npx bun docs/pictures/stream.ts`. Needs chromium.
import { fileURLToPath } from "node:url";
import { connect, startStream } from "../../src/client/index.ts";
import { join, say } from "../../test/e2e/console-page.ts";
import { openPage, startBrowser } from "../../test/support/browser/browser.ts";
import { startTestServer } from "../../test/support/server/test-server.ts";

const ANSWER =
  "A delta is what has changed since you last looked. A server that sends only that keeps a slow line usable: a reader on a train gets each word once, and not the";

await using browser = await startBrowser();
await using server = await startTestServer();
const agent = connect({ url: server.url, token: await server.token("assistant") });
const desk = agent.conversation("help-desk");
const leave = desk.on("message", () => {});
await desk.send("Good morning. Ask me about streams.");
await using ann = await openPage(browser, server.url, { viewport: { width: 820, height: 560 } });
const { page } = ann;
await join(page, "user1", "help-desk");
await say(page, "What is a delta, and why is it sent?");
const stream = startStream(desk, { reply_to: 2 });
await stream.write(ANSWER);
await page.locator(".streaming .text", { hasText: "and not the" }).waitFor();
await page.screenshot({ path: fileURLToPath(new URL("console-stream.png", import.meta.url)) });
await stream.end();
leave();
await agent.close();
