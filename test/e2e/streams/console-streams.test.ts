// Messages that grow, quotes, and streams written by the page, in a real browser against a real server. All cases share one page.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Conversation, connect, type Parley, startStream } from "../../../src/client/index.ts";
import { axeViolations } from "../../support/browser/axe.ts";
import { chromiumPath, openPage, type WatchedPage } from "../../support/browser/browser.ts";
import { longTest } from "../../support/long-test.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { becomes, join, openPanel, overflow, PATIENCE, say } from "../console-page.ts";
import { useBrowser } from "../shared-browser.ts";

const WIDE = { width: 1300, height: 800 };
const PHONE = { width: 390, height: 844 };

/** Chromium's own messages for a connection that was cut, and for a fault that was refused; no other error may occur. */
const LINE_FAULTS = /WebSocket connection to|status of 422/;

describe.skipIf(chromiumPath() === undefined)("streams on the page", () => {
  const browser = useBrowser();
  let server: TestServer;
  let bench: WatchedPage;
  let agent: Parley;
  let den: Conversation;
  let leave: () => void;

  beforeAll(async () => {
    server = await startTestServer({
      env: { BURST_RATE: "0", TEST_FAULTS: "true", PLANS: "free:1000:5" },
    });
    agent = connect({ url: server.url, token: await server.token("agent"), limits: { sendRate: 0 } });
    den = agent.conversation("den");
    leave = den.on("message", () => {});
    for (let n = 1; n <= 110; n++) await den.send(n === 3 ? "Bring the blue folder." : `line ${n}.`);
    bench = await openPage(browser(), server.url, { viewport: WIDE });
    await join(bench.page, "user1", "den");
    await bench.page.locator("[data-seq='110']").waitFor();
  }, PATIENCE);
  afterAll(async () => {
    leave();
    await agent.close();
    await bench[Symbol.asyncDispose]();
    await server.stop();
  });

  const growing = () => bench.page.locator(".message.streaming");

  test(
    "ST4 an answer grows in one element, is read aloud when it is complete, and stops for the one who asked",
    async () => {
      const { page } = bench;
      await say(page, "What is a delta?");
      await page.locator(".own[data-seq='111']").waitFor();
      const answer = startStream(den, { reply_to: 111 });
      await answer.write("A delta ");
      await growing().locator(".text", { hasText: "A delta" }).waitFor();
      await growing().evaluate((element) => element.setAttribute("data-marked", ""));
      const aloud = page.locator(".scroller ~ [aria-live='polite']").first();
      await becomes(() => aloud.textContent(), "agent is writing");
      await answer.write("is what has changed.");
      await growing().locator(".text", { hasText: "A delta is what has changed." }).waitFor();
      expect(await growing().getAttribute("aria-busy")).toBe("true");
      expect(await aloud.textContent()).toBe("agent is writing");
      await growing().locator(".quote", { hasText: "What is a delta?" }).waitFor();

      await page.setViewportSize(PHONE);
      await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
      expect(await overflow(page)).toBe(0);
      expect(await axeViolations(page)).toEqual([]);
      const asked = new Promise<unknown>((resolve) => {
        answer.signal.addEventListener("abort", () => resolve(answer.signal.reason.code));
      });
      await page.getByRole("button", { name: "Stop agent" }).click();
      expect(await asked).toBe("cancelled");
      await answer.end();
      const row = page.locator("[data-seq='112'][data-marked]");
      await row.locator(".stream-end", { hasText: "stopped by you" }).waitFor();
      await becomes(() => page.evaluate(() => document.activeElement?.id), "scroller");
      await becomes(() => aloud.textContent(), "agent: A delta is what has changed., stopped");
      expect(await row.getAttribute("aria-busy")).toBe("false");
      await page.setViewportSize(WIDE);
      await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });

      // The request to stop is shown by its frame, and in code.
      await page.locator("#announcement-next").click();
      await page
        .locator("#code-sheet[open] pre", { hasText: /curl -X DELETE \S+\/den\/streams\// })
        .waitFor();
      await page.locator("#show-frame").click();
      await page.locator("#frame-detail h2", { hasText: "stream_cancel" }).waitFor();
      await page.locator("#close-tools").click();
    },
    PATIENCE,
  );

  test(
    "ST4 who may not stop a writer has no button, and a text that is not complete says so",
    async () => {
      const { page } = bench;
      const other = startStream(den);
      await other.write("Half of");
      await growing().locator(".text", { hasText: "Half of" }).waitFor();
      expect(await growing().getByRole("button", { name: /^Stop/ }).count()).toBe(0);
      await other.end({ state: "failed" });
      await page.locator("[data-seq='113'] .stream-end", { hasText: "failed" }).waitFor();
    },
    PATIENCE,
  );

  longTest(
    "a quote of a message far above is read for it, and a click shows that message, with the gap between",
    async () => {
      const { page } = bench;
      await den.send("About the folder.", { reply_to: 3 });
      const quote = page.locator("[data-seq='114'] button.quote");
      await quote.locator("b", { hasText: "agent" }).waitFor();
      await becomes(() => quote.textContent(), "Answers agent Bring the blue folder.");
      await quote.click();
      const row = page.locator("[data-seq='3']");
      await becomes(() => row.evaluate((element) => element === document.activeElement), true);
      await becomes(() => row.evaluate(isInView), true);
      await page.locator("[data-missing='hole']", { hasText: "not loaded" }).waitFor();

      // One that is in the list already is only scrolled to.
      await page.locator("#scroller").evaluate((it) => it.scrollTo(0, it.scrollHeight));
      await page.locator("[data-seq='112'] button.quote").click();
      await becomes(
        () => page.locator("[data-seq='111']").evaluate((element) => element === document.activeElement),
        true,
      );
    },
    PATIENCE,
  );

  longTest(
    "a message answers the one that the person chose; Escape takes it back",
    async () => {
      const { page } = bench;
      await page.locator("[data-seq='114']").hover();
      await page.getByRole("button", { name: "Answer message 114" }).click();
      await page.locator("#replying", { hasText: "About the folder." }).waitFor();
      expect(await axeViolations(page, { within: ".conversation" })).toEqual([]);
      await page.keyboard.press("Escape");
      await page.locator("#replying").waitFor({ state: "detached" });
      await page.locator("[data-seq='114']").hover();
      await page.getByRole("button", { name: "Answer message 114" }).click();
      await say(page, "I will.");
      await page.locator(".own[data-seq='115'] .quote", { hasText: "About the folder." }).waitFor();
      await page.locator("#replying").waitFor({ state: "detached" });
      expect((await den.message(115)).reply_to).toBe(114);
    },
    PATIENCE,
  );

  longTest(
    "the Send panel writes a text as a stream, so many tokens a second, which answers a message and can be stopped",
    async () => {
      const { page } = bench;
      await openPanel(page, "Send");
      await page.locator("#field-text").fill("one two three ".repeat(400));
      await page.locator("#as-stream").check();
      await page.locator("#token-rate").fill("100");
      await page.locator("[data-seq='114']").hover();
      await page.getByRole("button", { name: "Answer message 114" }).click();
      await becomes(() => page.locator("#field-reply_to").inputValue(), "114");
      await page.locator("#send-frame").click();
      await growing().locator(".text", { hasText: "one two three one" }).waitFor();
      expect(await axeViolations(page, { within: ".panels" })).toEqual([]);
      await page.locator("#stop-stream").click();
      await page.locator(".own[data-seq='116'] .stream-end", { hasText: "stopped by you" }).waitFor();
      await page.locator("#stop-stream").waitFor({ state: "detached" });
      const { reply_to, stream, text } = await den.message(116);
      expect([reply_to, stream?.state]).toEqual([114, "cancelled"]);
      expect("one two three ".repeat(400).startsWith(text)).toBe(true);

      await page.locator("#announcement-next").click();
      await page.locator("#code-sheet[open] pre", { hasText: "startStream(" }).waitFor();
      await page.locator("#show-frame").click();
      await page.locator("#frame-detail h2", { hasText: "stream_start" }).waitFor();
    },
    PATIENCE,
  );

  longTest(
    "a writer that is killed goes on after what is stored, one that is fenced does not, and one that is not there is no writer",
    async () => {
      const { page } = bench;
      const write = async () => {
        await openPanel(page, "Send");
        await page.locator("#send-frame").click();
        await growing().locator(".text", { hasText: "one" }).waitFor();
        await openPanel(page, "Faults");
      };
      await openPanel(page, "Faults");
      await page.locator("#fault-freeze-writer").click();
      await cameOfIt(/^invalid: /);
      await write();
      await page.locator("#fault-kill-writer").click();
      await cameOfIt(/^stream_started: goes on after append \d+$/);
      await growing().waitFor();
      await page.locator("#fault-fence-writer").click();
      await cameOfIt(/^fenced: /);
      expect(bench.errors.filter((text) => !LINE_FAULTS.test(text))).toEqual([]);
    },
    PATIENCE,
  );

  async function cameOfIt(words: RegExp): Promise<void> {
    await bench.page
      .locator("#fault-outcomes > li:first-child .remark", { hasText: words })
      .first()
      .waitFor();
  }
});

function isInView(element: Element): boolean {
  const outer = document.querySelector("#scroller")!.getBoundingClientRect();
  const inner = element.getBoundingClientRect();
  return inner.bottom > outer.top && inner.top < outer.bottom;
}
