// Every frame of every client, in a real browser against a real server.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser.ts";
import { startTestServer } from "../support/server.ts";
import { addClient, connected, join, PATIENCE, say, shownRows } from "./console-page.ts";

describe.skipIf(chromiumPath() === undefined)("the timeline", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  test(
    "shows each frame with direction, type, seq, size, delta and round trip, and all of it when it is chosen",
    async () => {
      await using server = await startTestServer();
      await using bench = await openPage(browser, server.url, { viewport: { width: 1600, height: 900 } });
      const { page } = bench;
      await join(page, "user1");
      await say(page, "hello");
      const ack = page.locator(".frame.in", { has: page.locator(".type", { hasText: /^ack$/ }) });
      await ack.waitFor();
      expect(await ack.locator(".seq").textContent()).toBe("#1");
      expect(await ack.locator(".trip").textContent()).toMatch(/^[\d.]+ m?s$/);
      expect(await ack.locator(".delta").textContent()).toMatch(/^\+[\d.]+ ms$/);
      expect(await ack.locator(".bytes").textContent()).toMatch(/^1\d\d B$/);

      await ack.click();
      const content = page.locator("#frame-detail pre");
      expect(await content.textContent()).toContain('\n  "seq": 1,');
      await page.getByRole("button", { name: "Raw" }).click();
      expect(await content.textContent()).toStartWith('{"type":"ack",');
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.getByRole("button", { name: "Copy the frame" }).click();
      expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({
        type: "ack",
        seq: 1,
      });
      expect(bench.faults).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "is filtered by client, direction, type, text and expression, and the filter is in the address",
    async () => {
      await using server = await startTestServer();
      await using bench = await openPage(browser, server.url);
      const { page } = bench;
      await join(page, "user1");
      await addClient(page, "user2");
      for (const text of ["alpha 1", "beta 22", "gamma 333"]) await say(page, text);
      await page.locator(".own[data-seq='3']").waitFor();
      await page.locator("#filter-client").selectOption("user1");
      await page.locator("#filter-direction").selectOption("in");
      await page.locator("#filter-type").selectOption("message");
      await shownRows(page, 3);
      await page.locator("#find").fill("BETA");
      await shownRows(page, 1);
      await page.locator("#find").fill("/ \\d{2,}/");
      await shownRows(page, 2);
      const hash = new URL(page.url()).hash;
      expect(hash).toStartWith("#lobby?");
      expect(new URLSearchParams(hash.split("?")[1]).get("find")).toBe("/ \\d{2,}/");

      await page.locator("#find").fill("/(/");
      await page.locator("#find-problem", { hasText: "Not a regular expression" }).waitFor();

      await page.goto(`${server.url}/${hash}`);
      await page.reload();
      await join(page, "user1");
      expect(await page.locator("#find").inputValue()).toBe("/ \\d{2,}/");
      expect(await page.locator("#filter-type").inputValue()).toBe("message");
      expect(bench.faults).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "pauses without losing anything",
    async () => {
      await using server = await startTestServer();
      await using bench = await openPage(browser, server.url);
      const { page } = bench;
      await join(page, "user1");
      await say(page, "before");
      await page.locator(".own[data-seq='1']").waitFor();
      await page.locator("#filter-type").selectOption("ack");
      await shownRows(page, 1);
      await page.locator("#pause").click();
      await say(page, "meanwhile");
      await page.locator(".own[data-seq='2']").waitFor();
      await page.locator("#timeline-foot", { hasText: /paused, \d+ more came/ }).waitFor();
      expect(await page.locator(".frame").count()).toBe(1);
      await page.locator("#pause").click();
      await shownRows(page, 2);
      expect(bench.faults).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "D4 a cut line is seen with its code in words and advice, and the return without a gap has no mark",
    async () => {
      await using proxy = await FaultProxy.start();
      const origin = `http://127.0.0.1:${proxy.port}`;
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
      proxy.target = server.port;
      await using bench = await openPage(browser, origin);
      const { page } = bench;
      await join(page, "user1");
      await say(page, "one");
      await page.locator(".own[data-seq='1']").waitFor();
      for (const line of proxy.lines) line.reset();
      const closed = page.locator(".frame.line", { has: page.locator(".mark", { hasText: "close" }) });
      await closed.waitFor();
      await closed.click();
      await page
        .locator("#frame-detail .remark", { hasText: "1006 connection lost: The line was cut" })
        .waitFor();
      await connected(page);
      await page.locator("#filter-marked").check();
      await shownRows(page, 1);
    },
    PATIENCE,
  );
});
