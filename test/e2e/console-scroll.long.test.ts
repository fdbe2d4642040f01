// 100,000 frames on the timeline, sent and received by a real page; how it scrolls is measured and printed.
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { chromiumPath, openPage, startBrowser } from "../support/browser/browser.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { becomes, join, openPanel } from "./console-page.ts";

/** Pings; each is a frame out and a frame in. */
const PINGS = 50_000;

const number = new Intl.NumberFormat("en-GB");

/** Rows that fit into the window, and those beyond that are drawn before they come into view. */
const MOST_ROWS = 80;

test.skipIf(chromiumPath() === undefined)(
  `B1 ${number.format(2 * PINGS)} frames: as many rows as fit are in the document, and row n shows frame n`,
  async () => {
    await using server = await startTestServer({ env: { BURST_RATE: "0" } });
    await using browser = await startBrowser();
    await using bench = await openPage(browser, server.url, { viewport: { width: 1440, height: 900 } });
    const { page } = bench;
    await join(page, "user1");
    await openPanel(page, "Send");
    await page.locator("#raw").fill('{"type":"ping","id":"{{n}}"}');
    await page.locator("#series-what").selectOption("text");
    await page.locator("#series-rate").fill("0");
    await page.locator("#series-count").fill(String(PINGS));
    const began = performance.now();
    await page.locator("#series-start").click();
    await page.locator("#series-answered", { hasText: number.format(PINGS) }).waitFor({ timeout: 150_000 });
    const took = (performance.now() - began) / 1000;

    await openPanel(page, "Timeline");
    await waitUntil("every frame is on the timeline", async () => {
      const foot = await page.locator("#timeline-foot").textContent();
      return Number(foot?.split(" ")[0]?.replaceAll(",", "")) >= 2 * PINGS;
    });
    const figures = await scrollThrough(page, 240);
    console.log(
      `${2 * PINGS} frames in ${took.toFixed(1)} s. Scrolled for ${figures.frames} pictures: ` +
        `median ${figures.median} ms, 95 % within ${figures.p95} ms, longest ${figures.longest} ms.`,
    );
    expect(figures.mostRows).toBeLessThan(MOST_ROWS);
    expect(figures.wrong).toEqual([]);

    // With a filter, the rows are others, and as few.
    await page.locator("#filter-type").selectOption("pong");
    await page.locator("#timeline-foot", { hasText: new RegExp(`^${number.format(PINGS)} of `) }).waitFor();
    expect((await scrollThrough(page, 20)).mostRows).toBeLessThan(MOST_ROWS);
    await page.locator("#find").fill(`/"id":"${PINGS / 10 - 1}\\d"/`);
    await page.locator("#timeline-foot", { hasText: /^10 of / }).waitFor();
    await becomes(() => page.locator(".frame").count(), 10);
    expect(bench.errors).toEqual([]);
  },
);

interface Figures {
  readonly frames: number;
  /** Milliseconds from one picture to the next. */
  readonly median: number;
  readonly p95: number;
  readonly longest: number;
  readonly mostRows: number;
  /** Rows that did not show the frame of their place, in words. */
  readonly wrong: readonly string[];
}

/** Scrolls by steps and by jumps, and checks after each whether the rows in view are those of their positions. */
function scrollThrough(page: Page, steps: number): Promise<Figures> {
  return page.evaluate(async (all) => {
    const list = document.querySelector<HTMLElement>("#frame-list")!;
    const picture = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    const times: number[] = [];
    const wrong: string[] = [];
    let mostRows = 0;

    function look(): void {
      const rows = [...list.querySelectorAll<HTMLElement>(".frame")];
      mostRows = Math.max(mostRows, rows.length);
      const top = list.getBoundingClientRect().top;
      for (const row of rows) {
        const index = Number(row.getAttribute("aria-rowindex")) - 2;
        const place = Math.round(row.getBoundingClientRect().top - top + list.scrollTop) / 24 - 1;
        if (place !== index) wrong.push(`row ${index} stands in place ${place}`);
        const unfiltered = document.querySelector<HTMLSelectElement>("#filter-type")?.value === "";
        if (unfiltered && Number(row.dataset.number) !== index + 1)
          wrong.push(`row ${index} is ${row.dataset.number}`);
      }
      const inView = rows.filter((row) => row.getBoundingClientRect().bottom > top + 24).length;
      if (inView < Math.floor(list.clientHeight / 24) - 2)
        wrong.push(`${inView} rows in view at ${list.scrollTop}`);
    }

    let before = await picture();
    for (let step = 0; step < all; step++) {
      // A wheel turned fast, then the bar dragged over the whole list.
      list.scrollTop = step < all / 2 ? step * 240 : ((2 * step) / all - 1) * list.scrollHeight;
      const now = await picture();
      times.push(now - before);
      before = now;
    }
    for (const share of [0, 0.1, 0.5, 0.77, 1]) {
      list.scrollTop = share * list.scrollHeight;
      await picture();
      await picture();
      await picture();
      look();
    }
    times.sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)]! * 10) / 10;
    return { frames: times.length, median: at(0.5), p95: at(0.95), longest: at(1), mostRows, wrong };
  }, steps);
}
