// The charts of the console, in a real browser against a real server.
import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { axeViolations } from "../support/browser/axe.ts";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { isLong } from "../support/random.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { addClient, becomes, join, openPanel, overflow, PATIENCE, say } from "./console-page.ts";
import { useBrowser, useServer } from "./shared-browser.ts";

/** How many pixels of a chart have the colour of the line that a custom property names. */
function pixelsOf(page: Page, chart: string, property: string): Promise<number> {
  return page.evaluate(
    ([chart, property]) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`#chart-${chart} canvas`)!;
      const colour = getComputedStyle(canvas).getPropertyValue(property!).trim();
      const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
      // Read on another canvas: reading back from a visible one makes its drawing slow.
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      // A dot of three pixels may have none that its edge does not blend with the background.
      const isNear = (value: number | undefined, wanted: number | undefined) =>
        Math.abs(value! - wanted!) <= 40;
      for (let at = 0; at < data.length; at += 4)
        if (
          data[at + 3]! > 128 &&
          isNear(data[at], red) &&
          isNear(data[at + 1], green) &&
          isNear(data[at + 2], blue)
        )
          count++;
      return count;
    },
    [chart, property] as const,
  );
}

/** The numbers of a row of the table. */
async function sums(page: Page): Promise<string[]> {
  return page.locator("#samples-sum td").allTextContents();
}

/** Waits until the row of sums reads like this; a second is shown when it is over. */
async function waitForSums(page: Page, pattern: RegExp): Promise<void> {
  await page.locator("#samples-sum", { hasText: pattern }).waitFor();
}

describe.skipIf(chromiumPath() === undefined)("the charts", () => {
  const browser = useBrowser();
  const server = useServer();

  longTest(
    "are loaded when they are opened, and not before; do not move while paused; and are cleared by a sign-out",
    async () => {
      const paths = new Set<string>();
      await using bench = await openPage(browser(), "about:blank");
      const { page } = bench;
      page.on("request", (request) => paths.add(new URL(request.url()).pathname));
      await page.goto(server().url);
      await join(page, "user1");
      await say(page, "before");
      const before = new Set(paths);
      expect([...before].filter((path) => path.startsWith("/console/")).sort()).toEqual([
        // Modules that the page shares with a panel that is loaded later.
        expect.stringMatching(/^\/console\/chunk-\w+\.js$/),
        "/console/icon.svg",
        "/console/main.js",
        "/console/session/token",
        "/console/style.css",
      ]);

      await page.keyboard.press("Escape");
      await page.keyboard.press("h");
      await page.locator("#chart-unsent canvas").waitFor();
      const after = [...paths].filter((path) => !before.has(path));
      expect(after.sort()).toEqual([
        "/console/charts.css",
        expect.stringMatching(/^\/console\/chunk-\w+\.js$/),
      ]);
      await becomes(() => page.locator("canvas").count(), 4);

      await openPanel(page, "Timeline");
      await page.locator("canvas").first().waitFor({ state: "detached" });
      await openPanel(page, "Charts");
      await page.locator("#chart-unsent canvas").waitFor();
      expect(await page.locator("link[href='console/charts.css']").count()).toBe(1);

      await page.keyboard.press("b");
      await waitForSums(page, /^All11/);
      await page.locator("#charts-pause").click();
      await say(page, "two");
      await page.locator(".own[data-seq='2']").waitFor();
      // The messages are on the timeline of the page, and a second later they would be here.
      await page.waitForTimeout(1_500);
      expect((await sums(page)).slice(0, 2)).toEqual(["1", "1"]);
      await page.getByRole("button", { name: "Go on" }).click();
      await waitForSums(page, /^All22/);

      await page.getByRole("button", { name: "Sign out" }).click();
      await join(page, "user2", "elsewhere");
      await openPanel(page, "Charts");
      await page.locator("#samples-sum").waitFor();
      await page.waitForTimeout(1_500);
      expect((await sums(page)).slice(0, 2)).toEqual(["0", "0"]);
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "show real traffic, also from before they were opened: drawn in the colours of either scheme, beside the lines and as a " +
      "table, without a violation of axe, and within a narrow screen",
    async () => {
      await using fresh = await startTestServer();
      await using bench = await openPage(browser(), fresh.url, { colorScheme: "light" });
      const { page } = bench;
      await join(page, "user1");
      await addClient(page, "user2");
      for (const text of ["one", "two", "three"]) await say(page, text);
      await page.locator(".own[data-seq='3']").waitFor();

      await openPanel(page, "Charts");
      await page.locator("#chart-messages canvas").waitFor();
      await page.keyboard.press("b");
      // The last ack may fall into the second after the one in which its message came.
      await waitForSums(page, /^All36.*997$/);
      const [sent, received, ...rest] = await sums(page);
      expect([sent, received]).toEqual(["3", "6"]);
      for (const time of rest.slice(0, 3)) expect(time).toMatch(/^[\d.]+ (ms|s)$/);
      expect(rest[3]).toMatch(/^\d+ B$/);
      expect(rest.slice(4)).toEqual(["100", "997"]);
      const quota = page.locator("#chart-quota .chart-lines li");
      await becomes(() => quota.allTextContents(), ["user1 100", "user2 997"]);
      await waitUntil(
        "the messages are drawn",
        async () => (await pixelsOf(page, "messages", "--chart-0")) > 50,
      );
      await waitUntil("the acks are drawn", async () => (await pixelsOf(page, "acks", "--chart-2")) > 0);

      await page.locator("#charts-client").selectOption({ label: "user1" });
      await waitForSums(page, /^All03/);
      expect((await sums(page)).toSpliced(5, 1)).toEqual(["0", "3", "–", "–", "–", "100"]);
      for (const scheme of isLong ? (["light", "dark"] as const) : (["dark"] as const)) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.waitForFunction(
          (wanted) => matchMedia(`(prefers-color-scheme: ${wanted})`).matches,
          scheme,
        );
        expect(await axeViolations(page, { within: ".panels" })).toEqual([]);
        await waitUntil(
          "the messages are drawn",
          async () => (await pixelsOf(page, "messages", "--chart-0")) > 50,
        );
      }
      await page.keyboard.press("b");
      if (isLong) expect(await axeViolations(page, { within: ".panels" })).toEqual([]);

      await page.setViewportSize({ width: 360, height: 700 });
      await page.keyboard.press("Escape");
      await page.keyboard.press("h");
      await page.keyboard.press("b");
      await page.locator("#chart-messages canvas").waitFor();
      await becomes(() => overflow(page), 0);
      await waitUntil("each chart fits its place", () =>
        page
          .locator(".chart-place")
          .evaluateAll((places) =>
            places.every(
              (place) => place.querySelector<HTMLElement>(".uplot")!.offsetWidth <= place.clientWidth,
            ),
          ),
      );
      expect(await axeViolations(page, { within: ".panels" })).toEqual([]);
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "show messages that the browser could not send yet while a connection is frozen",
    async () => {
      await using server = await startTestServer({
        env: { TEST_FAULTS: "true", BURST_RATE: "0", PLANS: "free:0:0", DEFAULT_PLAN: "free" },
      });
      await using bench = await openPage(browser(), server.url);
      const { page } = bench;
      const { promise: welcomed, resolve } = Promise.withResolvers<string>();
      page.on("websocket", (socket) =>
        socket.on("framereceived", ({ payload }) => {
          const { type, connection } = JSON.parse(String(payload));
          if (type === "welcome") resolve(connection);
        }),
      );
      await join(page, "user1");
      const connection = await welcomed;
      const answer = await fetch(`${server.url}/test/faults`, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${await server.token("user1")}`,
          "Content-Type": "application/json",
        },
        body: JSON.stringify({ connection, fault: { do: "freeze", seconds: 60 } }),
      });
      expect(answer.status).toBe(200);
      await openPanel(page, "Send");
      await page.locator("#series-rate").fill("0");
      await page.locator("#series-count").fill("400");
      await page.locator("#series-size").fill("60000");
      await page
        .locator("#series")
        .getByRole("button", { name: /Start|Send/ })
        .click();
      await openPanel(page, "Charts");
      await page.keyboard.press("b");
      await waitForSums(page, /[\d.]+ (KiB|MiB)/);
      await page.locator("#chart-unsent .chart-lines b", { hasText: /KiB|MiB/ }).waitFor();
    },
    PATIENCE,
  );

  longTest(
    "that cannot be loaded show an error, and load at another try; the table is always there",
    async () => {
      await using bench = await openPage(browser(), server().url);
      const { page } = bench;
      await join(page, "user1");
      await page.route("**/console/charts.css", (route) => route.abort());
      await openPanel(page, "Charts");
      await page.locator("#charts-problem").waitFor();
      await page.keyboard.press("b");
      await page.locator("#samples-sum").waitFor();
      expect(await axeViolations(page, { within: ".panels" })).toEqual([]);
      await page.unroute("**/console/charts.css");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.locator("#chart-messages canvas").waitFor();
    },
    PATIENCE,
  );
});
