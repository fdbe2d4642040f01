// Every frame of every client, in a real browser against a real server.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { chromiumPath, openPage, type WatchedPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import {
  addClient,
  becomes,
  connected,
  enter,
  join,
  openPanel,
  PATIENCE,
  say,
  shownRows,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("the timeline", () => {
  const browser = useBrowser();

  describe("on one page, one test after the other", () => {
    const server = useServer({ TEST_FAULTS: "true" });
    const bench = usePage(browser, server, { viewport: { width: 1600, height: 900 } });
    beforeAll(() => join(bench().page, "user1"), PATIENCE);

    test(
      "shows each frame with direction, type, seq, size, delta and round trip, and its details when it is chosen",
      async () => {
        const { page } = bench();
        await openPanel(page, "Timeline");
        await say(page, "hello");
        const ack = page.locator(".frame.in", { has: page.locator(".type", { hasText: /^ack$/ }) });
        await ack.waitFor();
        expect(await ack.locator(".seq").textContent()).toBe("#1");
        expect(await ack.locator(".trip").textContent()).toMatch(/^[\d.]+ m?s$/);
        expect(await ack.locator(".delta").textContent()).toMatch(/^\+[\d.]+ ms$/);
        expect(await ack.locator(".bytes").textContent()).toMatch(/^1\d\d B$/);

        await ack.click();
        const content = page.locator("#frame-detail pre");
        await waitUntil("it is shown on separate lines", async () =>
          (await content.textContent())!.includes('\n  "seq": 1,'),
        );
        await page.getByRole("button", { name: "Raw" }).click();
        await waitUntil("it is shown as it was received", async () =>
          (await content.textContent())!.startsWith('{"type":"ack",'),
        );
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
        await page.getByRole("button", { name: "Copy the frame" }).click();
        await page.locator("#announcement", { hasText: "Copied" }).waitFor();
        expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({
          type: "ack",
          seq: 1,
        });
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "pauses without losing anything",
      async () => {
        const { page } = bench();
        await enter(page, "pause");
        await clear(page);
        await openPanel(page, "Timeline");
        await say(page, "before");
        await page.locator(".own[data-seq='1']").waitFor();
        await page.locator("#filter-type").selectOption("ack");
        await shownRows(page, 1);
        await page.locator("#pause").click();
        await say(page, "meanwhile");
        await page.locator(".own[data-seq='2']").waitFor();
        await page.locator("#timeline-foot", { hasText: /paused, \d+ new/ }).waitFor();
        expect(await page.locator(".frame").count()).toBe(1);
        await page.locator("#pause").click();
        await shownRows(page, 2);
        await page.locator("#filter-type").selectOption("");
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "D1 D4 D5 marks gaps, late and repeated messages, another epoch, losses and close codes, each in words",
      async () => {
        const { page } = bench();
        await clear(page);
        await openPanel(page, "Record");
        const buffer = Buffer.from([HEADER, ...DISORDER].join("\n"));
        await page.locator("#open-recording").setInputFiles({ name: "disorder.jsonl", mimeType: "", buffer });
        await page.locator("#announcement", { hasText: "Now shown on the timeline" }).waitFor();
        await openPanel(page, "Timeline");
        await page.locator("#filter-marked").check();
        await shownRows(page, MARKS.length);
        for (const [index, [kind, words]] of MARKS.entries()) {
          const row = page.locator(".frame").nth(index);
          await row.locator(".mark", { hasText: kind }).waitFor();
          await row.click();
          await page.locator("#frame-detail .remark", { hasText: words }).waitFor();
        }
        await page.locator("#filter-marked").uncheck();
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "shows a fault before its effects, and one that the server refused with its reason",
      async () => {
        const { page } = bench();
        await clear(page);
        await openPanel(page, "Faults");
        await page.locator("#freeze-seconds").fill("ten");
        await page.locator("#fault-freeze").click();
        await page.locator("#fault-outcomes li:first-child .remark", { hasText: "invalid: " }).waitFor();
        await page.locator("#fault-cut").click();
        await page.locator("#fault-outcomes li:first-child", { hasText: "1006" }).waitFor();
        await openPanel(page, "Timeline");
        await page.locator("#filter-direction").selectOption("fault");
        await shownRows(page, 3);
        await becomes(() => page.locator(".frame .type").allTextContents(), ["freeze", "refused", "cut"]);
        await page.locator("#filter-direction").selectOption("");
        await page
          .locator(".frame .type", { hasText: /^close$/ })
          .first()
          .waitFor();
        const types = await page.locator(".frame .type").allTextContents();
        expect(types.indexOf("close")).toBeGreaterThan(types.indexOf("cut"));
        const times = await page.locator(".frame .time").allTextContents();
        expect(times).toEqual(times.toSorted());
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "is filtered by client, direction, type, text and expression, and the filter is in the address",
      async () => {
        const { page } = bench();
        await clear(page);
        await enter(page, "filters");
        await addClient(page, "user2", "filters");
        await openPanel(page, "Timeline");
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
        expect(hash).toStartWith("#filters?");
        expect(new URLSearchParams(hash.split("?")[1]).get("find")).toBe("/ \\d{2,}/");

        await page.locator("#find").fill("/(/");
        await page.locator("#find-problem", { hasText: "Not a regular expression" }).waitFor();

        await page.goto(`${server().url}/${hash}`);
        await page.reload();
        await connected(page);
        expect(await page.locator("#find").inputValue()).toBe("/ \\d{2,}/");
        expect(await page.locator("#filter-type").inputValue()).toBe("message");
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );
  });

  longTest(
    "D4 a cut connection is shown with its code and advice, and a reconnect without a gap has no mark",
    async () => {
      await using proxy = await FaultProxy.start();
      const origin = `http://127.0.0.1:${proxy.port}`;
      await using server = await startTestServer({ env: { ALLOWED_ORIGINS: origin } });
      proxy.target = server.port;
      await using bench = await openPage(browser(), origin);
      const { page } = bench;
      await join(page, "user1");
      await openPanel(page, "Timeline");
      await say(page, "one");
      await page.locator(".own[data-seq='1']").waitFor();
      for (const line of proxy.connections) line.reset();
      const closed = page.locator(".frame.line", { has: page.locator(".mark", { hasText: "close" }) });
      await closed.waitFor();
      await closed.click();
      await page
        .locator("#frame-detail .remark", { hasText: "1006 connection lost: The network failed" })
        .waitFor();
      await connected(page);
      await page.locator("#filter-marked").check();
      await shownRows(page, 1);
    },
    PATIENCE,
  );
});

/** Opens the timeline and removes what is on it. */
async function clear(page: Page): Promise<void> {
  await openPanel(page, "Timeline");
  await page.locator("#clear-frames").click();
}

/** The errors of the page. Chromium itself notes a fault that was refused, and a connection that was cut. */
function harm({ errors }: WatchedPage): string[] {
  return errors.filter((fault) => !/status of 422|WebSocket connection to/.test(fault));
}

const HEADER =
  '{"parley":"recording","version":1,"at":1795437965000,"clients":[{"name":"ann","user":"user1","conversation":"lobby"}]}';

const message = (seq: number) =>
  `{"client":"ann","dir":"in","frame":{"type":"message","seq":${seq},"id":"m${seq}"}}`;

const welcome = (rest: string) =>
  `{"client":"ann","dir":"in","frame":{"type":"welcome","connection":"x",${rest}}}`;

/** Errors that no server should make, and a client must detect. */
const DISORDER = [
  '{"client":"ann","dir":"line","event":"open"}',
  welcome('"seq":0,"epoch":"e1","resumed":false'),
  ...[1, 4, 3, 1].map(message),
  '{"client":"ann","dir":"line","event":"close","code":1013}',
  '{"client":"ann","dir":"line","event":"open","after":4,"epoch":"e1"}',
  welcome('"seq":9,"epoch":"e1","resumed":true,"lost":{"first":5,"last":6}'),
  '{"client":"ann","dir":"line","event":"close","code":4429}',
  '{"client":"ann","dir":"line","event":"open","after":9,"epoch":"e1"}',
  welcome('"seq":0,"epoch":"e2","resumed":false'),
];

const MARKS = [
  ["gap", "#2 to #3 are missing before this message (D1)."],
  ["late", "#3 arrived after #4: out of order (D1)."],
  ["repeat", "#1 was already received (D4)."],
  ["close", "1013 too slow or overloaded: "],
  ["lost", "#5 to #6 were missed and are no longer kept."],
  ["close", "4429 flooding: "],
  ["epoch", "new epoch: e1 became e2"],
] as const;
