// Several clients on one page, in a real browser against a real server: side by side, on the timeline, and sending.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { FaultProxy } from "../delivery/fault-proxy.ts";
import { chromiumPath, openPage, startBrowser } from "../support/browser.ts";
import { startTestServer } from "../support/server.ts";
import {
  addClient,
  card,
  connected,
  join,
  openPanel,
  PATIENCE,
  say,
  select,
  texts,
  waitForFocus,
} from "./console-page.ts";

describe.skipIf(chromiumPath() === undefined)("the bench", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  describe("clients side by side", () => {
    test(
      "two clients on one page talk to each other, each with its own state, quota, sequence and ack",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await addClient(page, "user2");
        await say(page, "Good morning");
        await page.locator(".own[data-seq='1']").waitFor();
        await select(page, "user1");
        await page.locator("[data-seq='1']:not(.own)", { hasText: "Good morning" }).waitFor();
        await say(page, "Morning!");
        await page.locator(".own[data-seq='2']").waitFor();
        expect(await texts(page)).toEqual(["Good morning", "Morning!"]);

        const [one, two] = [card(page, "user1"), card(page, "user2")];
        expect(await one.locator(".quota").textContent()).toBe("99 left");
        expect(await two.locator(".quota").textContent()).toBe("999 left");
        for (const client of [one, two]) {
          await client
            .locator(".vitals", { hasText: /Sequence#2.*Last ack[\d.]+ ms.*Idle closein [45]:\d\d min/ })
            .waitFor();
          expect(await client.locator(".status").textContent()).toBe("Connected");
        }
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "a client is named, duplicated without another sign-in, and dropped; what it said stays on the timeline under its name",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        let signIns = 0;
        page.on("request", (request) => {
          if (request.url().endsWith("/token")) signIns++;
        });
        await join(page, "user2");
        await page.getByRole("button", { name: "Name user2" }).click();
        await page.keyboard.type("ben");
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: "Duplicate ben" }).click();
        await connected(page);
        await page.locator(".client[data-selected='true']", { hasText: "user2" }).waitFor();
        expect(await page.locator(".client").count()).toBe(2);
        await say(page, "from the twin");
        await page.locator(".own[data-seq='1']").waitFor();
        expect(signIns).toBe(1);

        await select(page, "ben");
        await page.locator(".own[data-seq='1']", { hasText: "from the twin" }).waitFor();
        await page.getByRole("button", { name: "Drop ben" }).click();
        expect(await page.locator(".client").count()).toBe(1);
        // Its twin has the same sign-in, which must not have ended.
        await say(page, "still here");
        await page.locator(".own[data-seq='2']").waitFor();
        await page.locator(".frame.line", { hasText: /^ben.*close/ }).waitFor();
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "who talks as all is heard from every client that is connected",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await addClient(page, "user2");
        await addClient(page, "user3");
        await page.getByRole("checkbox", { name: "Talk as all" }).check();
        await say(page, "we");
        for (const seq of [1, 2, 3]) await page.locator(`[data-seq='${seq}']`, { hasText: "we" }).waitFor();
        const senders = await page.locator(".message .from").allTextContents();
        expect(senders.sort()).toEqual(["user1", "user2", "user3 (you)"]);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "A4 a token made elsewhere lets a client in, a bad one is refused in words, and neither is kept on the page",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        const token = await server.token("robot");
        await page.locator("#add-client").click();
        await useToken(page, token);
        await page.locator("#connect").click();
        await connected(page);
        await page.locator("#people li", { hasText: "robot (you)" }).waitFor();

        const bad = await server.token("robot", { lifetime: -100 });
        await page.locator("#add-client").click();
        await useToken(page, bad);
        await page.locator("#connect").click();
        await page.locator("#ending-title", { hasText: "4401" }).waitFor();
        for (const frame of await page.locator(".frame").all()) {
          await frame.click();
          const content = await page.content();
          for (const secret of [token, bad]) expect(content).not.toContain(secret);
        }
        expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "signing out ends all clients and leaves nothing of what was seen",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await addClient(page, "user2");
        await say(page, "a secret");
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.locator("#sign-in").waitFor();
        await join(page, "user3", "elsewhere");
        expect(await page.content()).not.toContain("a secret");
        expect(await page.locator(".client").count()).toBe(1);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );
  });

  describe("the timeline", () => {
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

  describe("sending", () => {
    test(
      "a form has the fields of the protocol; what the server says to it stands in place",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await openPanel(page, "Send");
        await page.locator("#field-text").fill("by hand {{n}}");
        await page.locator("#send-frame").click();
        await page.locator("#outcomes [data-tone='fine']", { hasText: /stored as #1 after/ }).waitFor();
        await page.locator("[data-seq='1']", { hasText: "by hand 1" }).waitFor();

        await page.locator("#frame-kind").selectOption("history");
        await page.locator("#field-limit").fill("500");
        await page.locator("#send-frame").click();
        await outcome(page, /invalid: `limit`: must be 200 or less/);

        await page.locator("#raw").fill("{oops");
        await page.locator("#raw").press("Control+Enter");
        await outcome(page, /malformed: The frame is not JSON/);
        expect(await page.locator("#status").textContent()).toBe("Connected");

        await page.locator("#frame-kind").selectOption("typing");
        await page.locator("#send-frame").click();
        await page.locator("#outcomes li", { hasText: "answered only if it is wrong" }).waitFor();
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "a frame of the timeline is edited and sent again",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await say(page, "first words");
        await page.locator(".own[data-seq='1']").waitFor();
        await page.locator(".frame.out", { hasText: "first words" }).click();
        await page.getByRole("button", { name: "Edit and send" }).click();
        const raw = page.locator("#raw");
        await raw.fill((await raw.inputValue()).replace("first words", "other words"));
        await page.locator("#send-frame").click();
        // D3: the same id, so that nothing is stored twice and the first text stays.
        await outcome(page, /stored before, as #1/, "fine");
        expect(await texts(page)).toEqual(["first words"]);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "A4 P1 a message is saved in the browser and there after a reload; one with a token is not saved",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await openPanel(page, "Send");
        await page.locator("#field-text").fill("{{uuid}} at {{now}}");
        await page.locator("#save-name").fill("stamp");
        await page.locator("#save").click();
        await page.locator("#saved li", { hasText: "stamp" }).waitFor();

        await page
          .locator("#raw")
          .fill(JSON.stringify({ type: "token", token: await server.token("user1") }));
        await page.locator("#save-name").fill("secret");
        await page.locator("#save").click();
        await page.locator("#save-problem", { hasText: "tokens are not saved" }).waitFor();
        expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("eyJ");
        await page.locator("#send-frame").click();
        await outcome(page, /token_accepted/, "fine");

        await page.reload();
        await join(page, "user1");
        await page.locator("#saved").getByRole("button", { name: "stamp", exact: true }).click();
        await page.locator("#send-frame").click();
        await page.locator(".message", { hasText: /[a-z0-9-]{20,} at \d{13}/ }).waitFor();
        await page.getByRole("button", { name: "Remove stamp" }).click();
        expect(await page.evaluate(() => localStorage.length)).toBe(0);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "Q4 a series of a rate, a count and a size is sent, and says how many were answered and how fast",
      async () => {
        await using server = await startTestServer({
          env: { PLANS: "free:25:5,basic:1000:20,premium:10000:100" },
        });
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        await join(page, "user1");
        await openPanel(page, "Send");
        await page.locator("#series-rate").fill("100");
        await page.locator("#series-count").fill("30");
        await page.locator("#series-size").fill("200");
        await page.locator("#series-start").click();
        const facts = page.locator("#series-progress .facts");
        await facts.filter({ hasText: /Sent30 of 30Answered25Refused5Half within[\d.]+ ms/ }).waitFor();
        await page.locator("[data-seq='25']").waitFor();
        expect((await texts(page)).at(-1)).toHaveLength(200);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );
  });

  describe("keys", () => {
    test(
      "do everything, stand on the sheet that ? opens, write in fields, and can be switched off",
      async () => {
        await using server = await startTestServer();
        await using bench = await openPage(browser, server.url);
        const { page } = bench;
        const { keyboard } = page;
        const isShown = (selector: string) => page.locator(selector).waitFor();
        await page.locator("#demo-accounts button").first().waitFor();
        await keyboard.press("n");
        expect(await page.locator(".client").count()).toBe(0);
        await keyboard.press("Tab");
        await keyboard.press("Enter");
        await waitForFocus(page, "conversation");
        await keyboard.press("Escape");
        await keyboard.press("c");
        await waitForFocus(page, "text");
        // In a field a key writes.
        await keyboard.type("n?");
        expect(await page.locator("#text").inputValue()).toBe("n?");
        await keyboard.press("Enter");
        await isShown(".own[data-seq='1']");

        await keyboard.press("Escape");
        await keyboard.press("d");
        await connected(page);
        expect(await page.locator(".client").count()).toBe(2);
        await keyboard.press("Escape");
        await keyboard.press("k");
        await isShown(".client[data-client='c1'][data-selected='true']");
        await keyboard.press("Escape");
        await keyboard.press("j");
        await isShown(".client[data-client='c2'][data-selected='true']");
        await keyboard.press("Escape");
        await keyboard.press("a");
        await page.locator("#send", { hasText: "Send as 2" }).waitFor();
        await keyboard.press("X");
        await isShown(".client[data-client='c1'][data-selected='true']");

        await keyboard.press("Escape");
        await keyboard.press("s");
        await isShown("#frame-form");
        await keyboard.press("e");
        await waitForFocus(page, "raw");
        await keyboard.press("Control+Enter");
        await outcome(page, /stored as #2/, "fine");
        await keyboard.press("Escape");
        await keyboard.press("g");
        await outcome(page, /stored as #3/, "fine");
        await keyboard.press("t");
        await keyboard.press("/");
        await waitForFocus(page, "find");
        await keyboard.type("ack");
        await shownRows(page, 3);
        await keyboard.press("Escape");
        await page.locator("#frame-list").focus();
        await keyboard.press("End");
        await page.locator("#frame-detail h2", { hasText: "ack" }).waitFor();
        await keyboard.press("Escape");
        await page.locator("#frame-detail").waitFor({ state: "detached" });
        await keyboard.press("p");
        await isShown("#pause[aria-pressed='true']");

        await keyboard.press("?");
        const sheet = page.locator("#key-sheet");
        for (const words of [
          "Add a client",
          "Talk as all",
          "Open send",
          "Pause, or go on",
          "Write a message",
        ])
          await sheet.getByText(words).first().waitFor();
        await page.getByRole("checkbox", { name: "Single keys work on this page" }).uncheck();
        await keyboard.press("Escape");
        await keyboard.press("n");
        expect(await page.locator(".client").count()).toBe(1);
        expect(bench.faults).toEqual([]);
      },
      PATIENCE,
    );
  });
});

async function useToken(page: Page, token: string): Promise<void> {
  await page.getByText("Use a token made elsewhere").click();
  await page.getByLabel("Token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Use this token" }).click();
}

/** Waits until the timeline has so many rows, and no more. */
async function shownRows(page: Page, count: number): Promise<void> {
  await page.locator("#timeline-foot", { hasText: new RegExp(`^${count} of `) }).waitFor();
  expect(await page.locator(".frame").count()).toBe(count);
}

/** Waits for what is said about the last thing that was sent by hand. */
async function outcome(page: Page, words: RegExp, tone = "error"): Promise<void> {
  await page.locator(`#outcomes li:first-child [data-tone='${tone}']`, { hasText: words }).waitFor();
}
