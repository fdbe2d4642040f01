// The page when its connection is cut, inactive, or its token ends: in a real browser against a real server.
import { describe, expect, test } from "bun:test";
import type { Locator, Page } from "playwright-core";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { ManualClock } from "../support/time/manual-clock.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import {
  becomes,
  connected,
  eachFrame,
  join,
  openPanel,
  PATIENCE,
  say,
  texts,
  waitForFocus,
} from "./console-page.ts";
import { useBrowser } from "./shared-browser.ts";

/** Chromium's own messages for each try, and each request, while the server is down; no other error may occur. */
const DIALLING_FAILED = /WebSocket connection to|net::ERR_(CONNECTION|EMPTY|SOCKET_NOT_CONNECTED)/;

describe.skipIf(chromiumPath() === undefined)("the connection of the console", () => {
  const browser = useBrowser();

  longTest(
    "I2 the inactivity warning counts down, staying cancels it, and the later close is explained",
    async () => {
      const clock = new ManualClock(Date.now());
      // Time moves in leaps here, which would make every transport ping late.
      const env = { INACTIVITY_TIMEOUT: "300", PING_INTERVAL: "3600" };
      await using server = await startTestServer({ env, clock });
      await using ann = await openPage(browser(), server.url);
      await join(ann.page, "user1");
      const notice = ann.page.locator(".notice[data-code='inactivity']");
      await openPanel(ann.page, "Timeline");
      clock.advance(270_200);
      await notice.waitFor();
      const first = await secondsLeft(notice);
      expect(first).toBeWithin(1, 31);
      await waitUntil("the countdown goes on", async () => (await secondsLeft(notice)) < first);
      await notice.getByRole("button", { name: "Stay connected" }).click();
      await notice.waitFor({ state: "detached" });
      await waitForFocus(ann.page, "text");

      await roundTrip(ann.page);
      // Without a reaction to the warning, the close would have come by now.
      clock.advance(60_000);
      await roundTrip(ann.page);
      expect(await ann.page.locator("#status").textContent()).toBe("Connected");

      clock.advance(300_000);
      await ann.page.locator("#ending").waitFor();
      expect(await ann.page.locator("#ending-title").textContent()).toBe("Closed: inactive (4408)");
      expect(await ann.page.locator("#ending-text").textContent()).toContain("no activity");
      await waitForFocus(ann.page, "reconnect");
      await ann.page.keyboard.press("Enter");
      await connected(ann.page);
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "D1 D3 a cut connection is reopened: messages written meanwhile arrive once and in order",
    async () => {
      await using proxy = await FaultProxy.start();
      const origin = `http://127.0.0.1:${proxy.port}`;
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
      proxy.target = server.port;
      await using ann = await openPage(browser(), origin);
      await using bob = await openPage(browser(), server.url);
      await join(ann.page, "user1");
      await join(bob.page, "user2");
      await say(ann.page, "one");
      await bob.page.locator("[data-seq='1']").waitFor();

      proxy.target = undefined;
      for (const line of proxy.connections) line.reset();
      await ann.page.locator("#status[data-at='waiting']").waitFor();
      await say(bob.page, "two");
      for (const text of ["three", "four"]) await say(ann.page, text);
      await ann.page.locator(".message.pending", { hasText: "waits to be sent" }).first().waitFor();
      const notice = ann.page.locator(".notice[data-code='away']");
      await notice.getByText("Your messages are kept").waitFor();
      await notice.getByText(/sent when the page reconnects/).waitFor();

      // Waiting messages are in memory: the page asks before a reload that would lose them.
      const asked = ann.page.waitForEvent("dialog");
      await ann.page.evaluate(() => void setTimeout(() => location.reload()));
      const question = await asked;
      expect(question.type()).toBe("beforeunload");
      await question.dismiss();
      // The same while another conversation is shown.
      await ann.page.evaluate(() => {
        location.hash = "#elsewhere";
      });
      await ann.page.locator("#conversation-title", { hasText: "elsewhere" }).waitFor();
      const again = ann.page.waitForEvent("dialog");
      await ann.page.evaluate(() => void setTimeout(() => location.reload()));
      await (await again).dismiss();
      await ann.page.evaluate(() => {
        location.hash = "#lobby";
      });
      await ann.page.locator(".message.pending", { hasText: "four" }).waitFor();

      proxy.target = server.port;
      await notice.getByRole("button", { name: "Now" }).click();
      await connected(ann.page);
      await notice.waitFor({ state: "detached" });
      for (const { page } of [ann, bob]) {
        await page.locator("[data-seq='4']").waitFor();
        await becomes(() => texts(page), ["one", "two", "three", "four"]);
      }
      expect(await ann.page.locator("[data-missing]").count()).toBe(0);
      expect([...ann.errors, ...bob.errors].filter((fault) => !DIALLING_FAILED.test(fault))).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "L2 after a kill -9 and a restart the page reconnects, and messages written meanwhile are stored",
    async () => {
      await using folder = new ParleyFolder();
      const first = await folder.serve();
      await using ann = await openPage(browser(), first.url);
      await join(ann.page, "user1", "den");
      await say(ann.page, "before");
      await ann.page.locator(".own[data-seq='1']").waitFor();
      first.process.kill("SIGKILL");
      await first.process.exited;
      await ann.page.locator("#status[data-at='waiting']").waitFor();
      await say(ann.page, "meanwhile");
      await folder.serve([], { PORT: new URL(first.url).port });
      await ann.page.locator(".own[data-seq='2']", { hasText: "meanwhile" }).waitFor();
      await connected(ann.page);
      await becomes(() => texts(ann.page), ["before", "meanwhile"]);
      expect(ann.errors.filter((fault) => !DIALLING_FAILED.test(fault))).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "A2 A4 an expiring token is renewed in place, and no token is ever among the frames",
    async () => {
      // The renewal is asked for 60 s before the end: at once. It is done when a quarter of the life is left.
      await using server = await startTestServer({ env: { TOKEN_LIFETIME: "20", TOKEN_LEEWAY: "0" } });
      await using ann = await openPage(browser(), server.url);
      const tokens: string[] = [];
      ann.page.on("response", async (answer) => {
        if (!answer.url().endsWith("/token")) return;
        const { access_token: token, ...rest } = (await answer.json()) as { access_token: string };
        expect(rest).not.toHaveProperty("refresh_token");
        const [cookie = ""] = (await answer.headerValue("set-cookie"))!.split(";");
        tokens.push(token, cookie.slice(cookie.indexOf("=") + 1));
      });
      await join(ann.page, "user1");
      await openPanel(ann.page, "Timeline");
      await ann.page.locator(".frame.in", { hasText: "token_accepted" }).waitFor();
      // The body of the answer is read beside the page, which may be faster.
      await waitUntil("both answers were read", () => tokens.length === 4);
      await eachFrame(ann.page, (content) => {
        for (const token of tokens) expect(content).not.toContain(token);
      });
      const renewal = ann.page.locator(".frame.out", { hasText: "token" });
      await renewal.click();
      await ann.page.locator("#frame-detail pre", { hasText: '"token": "…"' }).waitFor();
      expect(await ann.page.locator(".frame.line", { hasText: "close" }).count()).toBe(0);
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );
});

/** Returns when the server has sent a pong, and so has read everything that was sent before. */
async function roundTrip(page: Page): Promise<void> {
  const pongs = page.locator(".frame.in", { hasText: "pong" });
  const before = await pongs.count();
  await page.getByRole("button", { name: "Measure round trip" }).click();
  await pongs.nth(before).waitFor();
}

async function secondsLeft(notice: Locator): Promise<number> {
  return Number.parseInt((await notice.locator(".countdown").textContent()) ?? "", 10);
}
