// The faults panel, in a real browser against a real server: each fault, and the page's text afterwards.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { axeViolations } from "../support/browser/axe.ts";
import { chromiumPath, openPage, type WatchedPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { isLong } from "../support/random.ts";
import { createPause, TIMEOUT_MS as WAIT } from "../support/time/wait-until.ts";
import {
  addClient,
  becomes,
  card,
  connected,
  enter,
  join,
  openPanel,
  PATIENCE,
  quota,
  say,
  select,
  texts,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

const FAULTS = { TEST_FAULTS: "true" };

/** Chromium's own message for a frame that it could not read; no other error may occur. */
const LINE_FAULTS = /WebSocket connection to/;

describe.skipIf(chromiumPath() === undefined)("the faults panel", () => {
  const browser = useBrowser();

  // One client on one page, one test after the other.
  describe("without the server", () => {
    const server = useServer({ PLANS: "free:12:5,basic:1000:20,premium:10:5" });
    const bench = usePage(browser, server);
    beforeAll(() => begin(bench().page, "user2"), PATIENCE);

    test(
      "A1 a wrong and a foreign token are refused with an explanation, and the open connection is not affected",
      async () => {
        const { page } = bench();
        await page.locator("#fault-wrong-token").click();
        await cameOfIt(page, "Wrong token", /unauthorized: The token is not valid.*4401 token not valid/);
        await page.locator("#fault-foreign-token").click();
        await cameOfIt(page, "Foreign token", /forbidden: .*4403 forbidden/);
        expect(await page.locator("#status").textContent()).toBe("Connected");
        await say(page, "undisturbed");
        await page.locator(".own[data-seq='1']").waitFor();
        expectNoToken(await page.content());
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "F1 M1 malformed, unknown, wrong, oversized and binary frames: the connection stays, or ends as specified",
      async () => {
        const { page } = bench();
        await page.locator("#fault-malformed").click();
        await cameOfIt(page, "Malformed", /^malformed: The frame is not JSON\.$/);
        await page.locator("#fault-unknown-type").click();
        await cameOfIt(page, "Unknown type", /^unknown_type: There is no frame of type "shout"/);
        await page.locator("#fault-wrong-field").click();
        await cameOfIt(page, "Wrong field", /^invalid: `text`: /);
        expect(await page.locator("#status").textContent()).toBe("Connected");
        await page.locator(".notice", { hasText: "The frame is not JSON." }).first().waitFor();

        await page.locator("#fault-oversized").click();
        await cameOfIt(page, "Oversized", /too_large: The frame is longer.*1009 frame too large/);
        await ended(page, /frame too large \(1009\)/);
        await page.locator("#fault-binary").click();
        await cameOfIt(page, "Binary", /1003 text frames only/);
        await ended(page, /text frames only \(1003\)/);
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "D3 the same id twice is stored once and shown once; a flood causes a warning, then a close",
      async () => {
        const { page } = bench();
        await enter(page, "twice");
        const before = await left(page);
        await page.locator("#fault-same-id").click();
        await cameOfIt(page, "Same id twice", /stored as #1 after .*ack: a duplicate, stored before as #1/);
        await becomes(() => texts(page), ["Sent twice under one id"]);
        await becomes(() => left(page), before - 1);
        await page.locator("#fault-flood").click();
        await cameOfIt(page, "Flood", /flooding: Frames come faster.*4429 flooding/);
        await ended(page, /flooding \(4429\)/);
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "Q4 a quota is filled; a close is the page's own; faults of the server are dimmed, with the setting they need",
      async () => {
        const { page } = bench();
        await addClient(page, "user1");
        await openPanel(page, "Faults");
        await page.locator("#faults-off", { hasText: "TEST_FAULTS=true npm start" }).waitFor();
        await page.locator("#fault-cut[aria-disabled='true']").waitFor();
        await page.keyboard.press("Shift+C");
        await cameOfIt(page, "Cut", /^The server makes no faults on request\.$/);
        await page.locator("#fault-fill-quota").click();
        await page.locator(".client[data-selected='true']", { hasText: "0 left" }).waitFor();
        await page.getByRole("textbox", { name: "Message" }).fill("one too many");
        await page.keyboard.press("Enter");
        await cameOfIt(page, "Fill the quota", /^rate_limited: All 12 requests of this hour are used/);

        await page.locator("#close-code").selectOption("4403");
        await page.locator("#fault-close").click();
        await cameOfIt(page, "Close", /^4403 forbidden/);
        await page.locator("#close-code").selectOption("1012");
        await page.locator("#reconnect").click();
        await connected(page);
        await page.locator("#fault-close").click();
        await cameOfIt(page, "Close", /^A page may not close with 1012/);
        expect(await page.locator("#status").textContent()).toBe("Connected");
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );
  });

  // The same, each test in a conversation of its own.
  describe("with the server's help", () => {
    const server = useServer(FAULTS);
    const bench = usePage(browser, server);
    beforeAll(() => begin(bench().page, "user2"), PATIENCE);

    test(
      "D1 D4 a cut connection reconnects, and one that does not read is closed and gets all it missed",
      async () => {
        const { page } = bench();
        await enter(page, "slow-reader");
        await say(page, "first");
        await page.locator(".own[data-seq='1']").waitFor();
        await page.locator("#fault-cut").click();
        await cameOfIt(page, "Cut", /1006 connection lost.*tries again in.*back, and going on where it was/);
        await connected(page);

        await page.locator("#fault-slow-reader").click();
        await cameOfIt(page, "Slow reader", /behind: .*back, and going on where it was/);
        await connected(page);
        await page.locator("[data-seq='19']", { hasText: "Long message 18 of 18" }).waitFor();
        expect(await page.locator("[data-missing]").count()).toBe(0);
        await openPanel(page, "Timeline");
        await page.locator("#filter-direction").selectOption("fault");
        await becomes(() => page.locator(".frame .type").allTextContents(), ["cut", "freeze", "thaw"]);
        await page.locator("#filter-direction").selectOption("");
        await page.locator("#filter-type").selectOption("message");
        await page.locator("#timeline-foot", { hasText: /^20 of/ }).waitFor();
        expect(await page.locator(".frame .mark").allTextContents()).toEqual([]);
        await page.locator("#filter-type").selectOption("");
        await openPanel(page, "Faults");
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "F3 the server closes with any code, and the page explains it",
      async () => {
        const { page } = bench();
        for (const [code, title] of [
          ["4403", "forbidden (4403)"],
          ["4499", "refused (4499) (4499)"],
          ["1000", "normal closure (1000)"],
        ] as const) {
          await page.locator("#close-code").selectOption(code);
          await page.locator("#fault-close").click();
          await cameOfIt(page, "Close", new RegExp(`${code} `));
          await page.locator("#ending-title", { hasText: title }).waitFor();
          await page.locator("#reconnect").click();
          await connected(page);
        }
        await page.locator("#close-code").selectOption("1012");
        await page.locator("#fault-close").click();
        await cameOfIt(page, "Close", /1012 restarting.*back, and going on where it was/);
        await connected(page);
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "I2 A2 the clock jumps: the inactivity warning and close, the token's renewal and its end",
      async () => {
        const { page } = bench();
        await page.locator("#fault-idle-warning").click();
        const notice = page.locator(".notice[data-code='inactivity']");
        await notice.waitFor();
        await notice.getByRole("button", { name: "Stay connected" }).click();
        await notice.waitFor({ state: "detached" });

        await page.locator("#fault-token-warning").click();
        await cameOfIt(page, "Token’s last minute", /token_expiring: .*token_accepted/);
        await page.locator("#fault-token-end").click();
        await cameOfIt(page, "Token’s end", /token_expired: .*4401 token not valid.*back, and going on/);
        await connected(page);

        await page.locator("#fault-idle").click();
        await cameOfIt(page, "Inactivity", /inactivity: .*inactive: There was no activity/);
        await ended(page, /inactive \(4408\)/);
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "D3 a lost ack leaves the message waiting; after a cut it is sent again, and stored once",
      async () => {
        const { page } = bench();
        // Its ack says what the tests before have left of the quota.
        await say(page, "counted");
        await page.locator(".own[data-seq]", { hasText: "counted" }).waitFor();
        await enter(page, "lost-ack");
        const before = await left(page);
        await inject(page, "lose");
        await say(page, "is it stored?");
        await page.locator("#fault-cut").click();
        await cameOfIt(page, "Cut", /back, and going on where it was.*ack: a duplicate, stored before as #1/);
        await page.locator(".own[data-seq='1']", { hasText: "✓ stored" }).waitFor();
        await becomes(() => texts(page), ["is it stored?"]);
        await becomes(() => left(page), before - 1);

        await page.locator("#lose-type").selectOption("message");
        await inject(page, "lose");
        await addClient(page, "user1", "lost-ack");
        for (const text of ["lost on its way", "arrived"]) await say(page, text);
        await page
          .locator("#fault-outcomes li", { hasText: "#2 is missing before this message (D1)." })
          .waitFor();
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "a frozen connection continues when it thaws, a slow one shows late acks, and another client is not affected",
      async () => {
        const { page } = bench();
        await select(page, "user1");
        await enter(page, "ice");
        await select(page, "user2");
        await enter(page, "ice");
        await inject(page, "freeze");
        await say(page, "into the ice");
        const own = page.locator(".own", { hasText: "into the ice" });
        await page.getByRole("button", { name: "user1", exact: true }).click();
        await say(page, "meanwhile");
        await page.locator(".own[data-seq='1']", { hasText: "meanwhile" }).waitFor();
        await page.getByRole("button", { name: "user2", exact: true }).click();
        expect(await own.getAttribute("data-seq")).toBeNull();
        await page.locator("#fault-thaw").click();
        await page.locator(".own[data-seq='2']", { hasText: "into the ice" }).waitFor();
        await becomes(() => texts(page), ["meanwhile", "into the ice"]);

        await page.locator("#delay-milliseconds").fill("250");
        await inject(page, "delay");
        await say(page, "slowly");
        await cameOfIt(page, "Delay", /^ack: the message is stored as #3 after ([5-9]\d\d ms|[\d.]+ s)$/);
        await page.locator("#delay-milliseconds").fill("0");
        await inject(page, "delay");
        await say(page, "quickly");
        await cameOfIt(page, "Delay", /^ack: the message is stored as #4 after [\d.]+ m?s$/);
        expect(await card(page, "user1").locator(".status").textContent()).toBe("Connected");
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "A1 an expired token is refused as such; Q4 a large quota is filled at once",
      async () => {
        const { page } = bench();
        await addClient(page, "user3");
        await openPanel(page, "Faults");
        expect(await page.locator("#faults-off").count()).toBe(0);
        await page.locator("#fault-expired-token").click();
        await cameOfIt(page, "Expired token", /token_expired: The token has expired\..*4401/);
        expect(await page.locator("#status").textContent()).toBe("Connected");
        await page.locator("#fault-fill-quota").click();
        await page.locator(".client[data-selected='true']", { hasText: "0 left" }).waitFor();
        expectNoToken(await page.content());
        expect(harm(bench())).toEqual([]);
      },
      PATIENCE,
    );
  });

  const server = useServer(FAULTS);
  const VIEWS = [
    ["light", { width: 1500, height: 900 }],
    ["dark", { width: 390, height: 800 }],
  ] as const;
  // The colours and the narrow page of the panels are those of console-axe.test.ts.
  for (const [scheme, viewport] of isLong ? VIEWS : VIEWS.slice(0, 1)) {
    longTest(
      `every fault has its own key, and axe finds nothing: ${scheme}, ${viewport.width} wide`,
      async () => {
        const options = { viewport, colorScheme: scheme, reducedMotion: "reduce" } as const;
        await using bench = await openPage(browser(), server().url, options);
        const { page } = bench;
        await join(page, "user1");
        await page.keyboard.press("Escape");
        await page.keyboard.press("f");
        await page.locator("#fault-cut").waitFor();
        const keys = await page.locator(".fault-row kbd").allTextContents();
        expect(keys).toHaveLength(new Set(keys).size);
        expect(keys).toHaveLength(25);
        await page.keyboard.press("4");
        await cameOfIt(page, "Malformed", /^malformed: /);
        await page.keyboard.press("9");
        await cameOfIt(page, "Same id twice", /duplicate/);
        await page.keyboard.press("Shift+C");
        await cameOfIt(page, "Cut", /back, and going on where it was/);
        await page.locator(".fault-target [data-at='live']").waitFor();
        await page.keyboard.press("Shift+W");
        await cameOfIt(page, "Inactivity warning", /inactivity: /);
        await page.keyboard.press("Shift+E");
        await cameOfIt(page, "Close", /4408 inactive/);
        // Now most of the panel waits for a connection.
        await page.locator("#fault-cut[aria-disabled='true']").waitFor();
        expect(await axeViolations(page, { within: ".panels" })).toEqual([]);
        await page.keyboard.press("?");
        for (const title of ["Wrong token", "Flood", "Token’s end"])
          await page.locator("#key-sheet dd", { hasText: title }).waitFor();
        expect(await axeViolations(page, { within: "#key-sheet" })).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
        expect(harm(bench)).toEqual([]);
      },
      PATIENCE,
    );
  }
});

/** Signs a client in, connects it, and opens the panel. */
async function begin(page: Page, user: string): Promise<void> {
  await join(page, user);
  await openPanel(page, "Faults");
}

/**
 * Injects a fault on the selected client, and waits until the server has done it. Otherwise a message that is sent next may
 * overtake the fault, which goes another way.
 */
async function inject(page: Page, name: string): Promise<void> {
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/test/faults"));
  await page.locator(`#fault-${name}`).click();
  expect((await answered).status()).toBe(200);
}

/** Waits until the newest fault is the one called `title`, and what was seen of it, one after the other, is `words`. */
async function cameOfIt(page: Page, title: string, words: RegExp): Promise<void> {
  const newest = page.locator("#fault-outcomes li:first-child");
  await newest.locator("strong", { hasText: title }).waitFor();
  const pause = createPause();
  let seen = "";
  for (const deadline = Date.now() + WAIT; Date.now() < deadline; ) {
    seen = (await newest.locator(".remark").allTextContents()).join(" ");
    if (words.test(seen)) return;
    await pause();
  }
  throw new Error(`Of the fault "${title}" came: ${seen}, and not ${words}`);
}

/** How many requests the selected client has left. */
async function left(page: Page): Promise<number> {
  return Number.parseInt(((await quota(page)) ?? "").replaceAll(",", ""), 10);
}

/** Waits for the page's text about a closed connection, and opens another. */
async function ended(page: Page, title: RegExp): Promise<void> {
  await page.locator("#ending-title", { hasText: title }).waitFor();
  await page.locator("#reconnect").click();
  await connected(page);
}

/** The errors of the page, apart from the intended ones on its connections. */
function harm(bench: WatchedPage): string[] {
  return bench.errors.filter((fault) => !LINE_FAULTS.test(fault));
}

/** A token begins like that, whatever it contains. */
function expectNoToken(content: string): void {
  expect(content).not.toContain("eyJ");
}
