// Several clients on one page, in a real browser against a real server: side by side, and by keys.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { startTestServer } from "../support/server/test-server.ts";
import {
  addClient,
  becomes,
  card,
  connected,
  eachFrame,
  enter,
  join,
  opened,
  openPanel,
  outcome,
  PATIENCE,
  say,
  select,
  shownRows,
  texts,
  waitForFocus,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("the workbench", () => {
  const browser = useBrowser();
  const server = useServer();

  describe("clients side by side, on one page", () => {
    const bench = usePage(browser, server);
    beforeAll(() => join(bench().page, "user1"), PATIENCE);

    test(
      "A4 a foreign token admits a client, an invalid one is refused with the reason, and neither is stored",
      async () => {
        const { page } = bench();
        const token = await server().token("robot");
        await page.locator("#add-client").click();
        await useToken(page, token);
        await connected(page);
        await page.locator("#members li", { hasText: "robot (you)" }).waitFor();

        const bad = await server().token("robot", { lifetime: -100 });
        await page.locator("#add-client").click();
        await useToken(page, bad);
        await page.locator("#ending-title", { hasText: "4401" }).waitFor();
        await openPanel(page, "Timeline");
        await eachFrame(page, (content) => {
          for (const secret of [token, bad]) expect(content).not.toContain(secret);
        });
        // A reload can go on with the session of user1 alone.
        expect(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).toBe(
          JSON.stringify([{}, { "parley.users": '["user1"]' }]),
        );
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "two clients on one page post to each other, each with its own state, quota, sequence and ack",
      async () => {
        const { page } = bench();
        await addClient(page, "user2");
        await say(page, "Good morning");
        await page.locator(".own[data-seq='1']").waitFor();
        await select(page, "user1");
        await page.locator("[data-seq='1']:not(.own)", { hasText: "Good morning" }).waitFor();
        await say(page, "Morning!");
        await page.locator(".own[data-seq='2']").waitFor();
        await becomes(() => texts(page), ["Good morning", "Morning!"]);

        const [one, two] = [card(page, "user1"), card(page, "user2")];
        await openPanel(page, "Clients");
        await becomes(() => one.locator(".quota").textContent(), "99 left");
        await becomes(() => two.locator(".quota").textContent(), "999 left");
        for (const [name, client] of [
          ["user1", one],
          ["user2", two],
        ] as const) {
          await page
            .locator(".client-card", { hasText: name })
            .locator(".vitals", { hasText: /Sequence#2.*Last ack[\d.]+ ms.*Idle closein [45]:\d\d min/ })
            .waitFor();
          expect(await client.locator(".status").textContent()).toBe("Connected");
        }
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "a text sent as all is posted by every connected client",
      async () => {
        const { page } = bench();
        await addClient(page, "user3", "together");
        for (const name of ["user2", "user1"]) {
          await select(page, name);
          await enter(page, "together");
        }
        const all = page.getByRole("checkbox", { name: "Send as all" });
        await all.check();
        await say(page, "we");
        for (const seq of [1, 2, 3]) await page.locator(`[data-seq='${seq}']`, { hasText: "we" }).waitFor();
        const senders = await page.locator(".message .from").allTextContents();
        expect(senders.sort()).toEqual(["user1 (you)", "user2", "user3"]);
        await all.uncheck();
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "signing out ends all clients and clears everything that was shown",
      async () => {
        const { page } = bench();
        await select(page, "user1");
        await enter(page, "without-others");
        await say(page, "a secret");
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.locator("#sign-in").waitFor();
        await join(page, "user3", "elsewhere");
        expect(await page.content()).not.toContain("a secret");
        expect(await page.locator(".client").count()).toBe(1);
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    longTest(
      "a client is named, duplicated without another sign-in, and dropped; its frames stay on the timeline",
      async () => {
        await using fresh = await startTestServer();
        await using bench = await openPage(browser(), fresh.url);
        const { page } = bench;
        const asked: string[] = [];
        page.on("request", (request) => {
          const { pathname } = new URL(request.url());
          if (request.method() === "POST") asked.push(pathname);
        });
        await join(page, "user2");
        await openPanel(page, "Clients");
        await page.getByRole("button", { name: "Name user2" }).click();
        await page.keyboard.type("ben");
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: "Duplicate ben" }).click();
        await connected(page);
        await page.locator(".client[data-selected='true']", { hasText: "user2" }).waitFor();
        await opened(page);
        await becomes(() => page.locator(".client").count(), 2);
        await say(page, "from the twin");
        await page.locator(".own[data-seq='1']").waitFor();

        await select(page, "ben");
        await page.locator(".own[data-seq='1']", { hasText: "from the twin" }).waitFor();
        await page.getByRole("button", { name: "Drop ben" }).click();
        await becomes(() => page.locator(".client").count(), 1);
        // Its twin has the same sign-in, which ends with the last that uses it.
        await say(page, "still here");
        await page.locator(".own[data-seq='2']").waitFor();
        await openPanel(page, "Timeline");
        await page.locator(".frame.line", { hasText: /^ben.*close/ }).waitFor();
        expect(asked).toEqual(["/console/session/token"]);
        await openPanel(page, "Clients");
        const ended = page.waitForRequest("**/logout");
        await page.getByRole("button", { name: /^Drop user2/ }).click();
        await ended;
        await page.locator("#sign-in").waitFor();
        expect(bench.errors).toEqual([]);
      },
      PATIENCE,
    );
  });

  describe("keys", () => {
    longTest(
      "do everything, are listed on the sheet that ? opens, write in fields, and can be switched off",
      async () => {
        await using fresh = await startTestServer();
        await using bench = await openPage(browser(), fresh.url);
        const { page } = bench;
        const { keyboard } = page;
        const isShown = (selector: string) => page.locator(selector).waitFor();
        await page.locator("#demo-accounts button").first().waitFor();
        await keyboard.press("n");
        expect(await page.locator(".client").count()).toBe(0);
        await keyboard.press("Tab");
        await keyboard.press("Enter");
        await connected(page);
        await keyboard.press("q");
        await waitForFocus(page, "conversation");
        await keyboard.type("lobby");
        await keyboard.press("Enter");
        await waitForFocus(page, "text");
        // In a field a key writes.
        await keyboard.type("n?");
        expect(await page.locator("#text").inputValue()).toBe("n?");
        await keyboard.press("Enter");
        await isShown(".own[data-seq='1']");

        await keyboard.press("Escape");
        await keyboard.press("d");
        await connected(page);
        await becomes(() => page.locator(".client").count(), 2);
        await keyboard.press("Escape");
        await keyboard.press("k");
        await isShown(".client[data-client='c1'][data-selected='true']");
        await keyboard.press("Escape");
        await keyboard.press("j");
        await isShown(".client[data-client='c2'][data-selected='true']");
        await opened(page);
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
          "Send as all",
          "Open send",
          "Open or close the tools",
          "Pause, or go on",
          "Write a message",
        ])
          await sheet.getByText(words).first().waitFor();
        await page.getByRole("checkbox", { name: "Single keys work on this page" }).uncheck();
        await keyboard.press("Escape");
        await keyboard.press("n");
        expect(await page.locator(".client").count()).toBe(1);
        expect(bench.errors).toEqual([]);
      },
      PATIENCE,
    );
  });
});

async function useToken(page: Page, token: string): Promise<void> {
  await page.getByText("Use an existing token").click();
  await page.getByLabel("Token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Use this token" }).click();
}
