// The page in a real browser against a real server: what a user sees and does.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import {
  becomes,
  connect,
  disconnect,
  enter,
  focused,
  join,
  openPanel,
  overflow,
  PATIENCE,
  quota,
  say,
  texts,
  waitForFocus,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

/** Plans of three requests, so that a test reaches their end; each test has another user. */
const PLANS_WITH_THREE = "free:3:5,basic:3:20,premium:3:100";

describe.skipIf(chromiumPath() === undefined)("the console", () => {
  const browser = useBrowser();
  const server = useServer();

  describe("of two users, one test after the other", () => {
    const first = usePage(browser, server);
    const second = usePage(browser, server);
    beforeAll(async () => {
      await join(first().page, "user1");
      await join(second().page, "user2");
    }, PATIENCE);

    test(
      "D1 D2 both of two users see every message with its seq, the sender first as pending, then as stored",
      async () => {
        const [ann, bob] = [first(), second()];
        await watchDeliveries(ann.page);
        await ann.page.locator("#members li", { hasText: "user2" }).waitFor();

        await say(ann.page, "Good morning");
        await bob.page.locator("[data-seq='1']", { hasText: "Good morning" }).waitFor();
        await say(bob.page, "Morning!");
        await ann.page.locator("[data-seq='2']", { hasText: "Morning!" }).waitFor();
        await ann.page.locator(".own[data-seq='1']", { hasText: "✓ stored" }).waitFor();
        await becomes(() => deliveries(ann.page), ["pending", "stored"]);
        await becomes(() => quota(ann.page), "99 left");

        await disconnect(bob.page);
        await ann.page
          .locator("#members li[data-present='true']", { hasText: "user2" })
          .waitFor({ state: "detached" });
        await connect(bob.page);
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "typing is shown until the message comes, and its readers are shown below it",
      async () => {
        const [ann, bob] = [first(), second()];
        for (const { page } of [ann, bob]) await enter(page, "typing");
        const typing = ann.page.locator("#typing");
        await bob.page.getByRole("textbox", { name: "Message" }).pressSequentially("Hel");
        await typing.getByText("user2 is typing…").waitFor();
        await bob.page.keyboard.press("Enter");
        await ann.page.locator("[data-seq='1']").waitFor();
        await typing.getByText("typing").waitFor({ state: "detached" });
        await bob.page.locator("[data-seq='1'] .readers", { hasText: "Read by user1" }).waitFor();

        await say(bob.page, "lo");
        await bob.page.locator("[data-seq='2'] .readers", { hasText: "Read by user1" }).waitFor();
        await becomes(() => bob.page.locator(".readers").count(), 1);
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "MX7 a later user sees earlier messages free of charge, and a reconnect misses nothing",
      async () => {
        const [ann, bob] = [first(), second()];
        await enter(ann.page, "later");
        for (const text of ["one", "two", "three"]) await say(ann.page, text);
        await ann.page.locator(".own[data-seq='3']").waitFor();

        const before = await quota(bob.page);
        await enter(bob.page, "later");
        await bob.page.locator("[data-seq='3']").waitFor();
        await becomes(() => texts(bob.page), ["one", "two", "three"]);
        await becomes(() => quota(bob.page), before);
        expect(await bob.page.locator("#earlier").isVisible()).toBe(false);
        // The timeline has the frame as it came, and no request for it.
        await openPanel(bob.page, "Timeline");
        await bob.page.locator("#filter-conversation").selectOption({ label: "later" });
        expect(await bob.page.locator(".frame.out", { hasText: "history" }).count()).toBe(0);
        await bob.page.locator(".frame.in", { hasText: "history" }).click();
        await bob.page.getByRole("button", { name: "Raw" }).click();
        const frame = JSON.parse((await bob.page.locator("#frame-detail .content").textContent())!);
        const said = { from: "user1", id: expect.any(String), at: expect.any(Number) };
        expect(frame).toEqual({
          type: "history",
          conversation: "later",
          messages: ["one", "two", "three"].map((text, index) => ({ seq: index + 1, text, ...said })),
          more: false,
        });
        await disconnect(bob.page);
        await say(ann.page, "four");
        await ann.page.locator(".own[data-seq='4']").waitFor();
        await connect(bob.page);
        await bob.page.locator("[data-seq='4']").waitFor();
        await becomes(() => texts(bob.page), ["one", "two", "three", "four"]);
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );
  });

  test(
    "SEC-S4 a wrong password is explained, and the next try works",
    async () => {
      await using ann = await openPage(browser(), server().url);
      await ann.page.getByLabel("User name").fill("user1");
      await ann.page.getByLabel("Password").fill("wrong");
      await ann.page.keyboard.press("Enter");
      await ann.page.getByText("Wrong user name or password.").waitFor();
      await waitForFocus(ann.page, "password");
      await ann.page.keyboard.type("password");
      await ann.page.keyboard.press("Enter");
      await ann.page.locator("#desk").waitFor();
      // Chromium itself notes the 401; nothing else may go wrong.
      expect(ann.errors.filter((fault) => !/status of 401/.test(fault))).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "SEC-P1 text from outside stays text, and the token is nowhere in the page or its address",
    async () => {
      await using ann = await openPage(browser(), server().url);
      const token = ann.page.waitForResponse("**/console/session/token").then(async (answer) => {
        return ((await answer.json()) as { access_token: string }).access_token;
      });
      const address = ann.page.waitForEvent("websocket").then((socket) => socket.url());
      await join(ann.page, "user1", "outside");
      const hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
      await say(ann.page, hostile);
      await ann.page.locator("[data-seq='1']").waitFor();
      await becomes(() => texts(ann.page), [hostile]);
      expect(await ann.page.locator("#messages img, #messages script").count()).toBe(0);

      await openPanel(ann.page, "Timeline");
      await ann.page.locator(".frame.out", { hasText: "message" }).first().click();
      await ann.page.locator("#frame-detail pre", { hasText: '"type": "message"' }).waitFor();
      expect(await ann.page.content()).not.toContain(await token);
      expect(await address).not.toContain(await token);
      expect(ann.page.url()).toBe(`${server().url.replace(/\/$/, "")}/#outside?show=timeline`);
      // The names of the users are all that a reload needs: the refresh token is in a cookie, which scripts cannot read.
      const stored = await ann.page.evaluate(() => [
        JSON.stringify(localStorage),
        JSON.stringify(sessionStorage),
        document.cookie,
      ]);
      expect(stored).toEqual(["{}", JSON.stringify({ "parley.users": '["user1"]' }), ""]);
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "a keyboard is enough: sign in, open a conversation, write two lines, disconnect",
    async () => {
      await using ann = await openPage(browser(), server().url);
      const { keyboard } = ann.page;
      await ann.page.locator("#demo-accounts button").first().waitFor();
      await keyboard.press("Tab");
      await keyboard.press("Enter");
      await ann.page.locator("#conversation").waitFor();
      await keyboard.press("q");
      await waitForFocus(ann.page, "conversation");
      await keyboard.type("den");
      await keyboard.press("Enter");
      await waitForFocus(ann.page, "text");
      await keyboard.type("first line");
      await keyboard.press("Shift+Enter");
      await keyboard.type("second line");
      await keyboard.press("Enter");
      await ann.page.locator("[data-seq='1']").waitFor();
      await becomes(() => texts(ann.page), ["first line\nsecond line"]);
      expect(await focused(ann.page)).toBe("text");
      await keyboard.press("Escape");
      await keyboard.press("c");
      await ann.page.locator("#status[data-at='signed_in']").waitFor();
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  const meagre = useServer({ PLANS: PLANS_WITH_THREE });

  longTest(
    "Q3 Q4 at the limit the page explains it, counts down, keeps receiving, and lets a waiting message be taken back",
    async () => {
      await using ann = await openPage(browser(), meagre().url);
      await using bob = await openPage(browser(), meagre().url);
      await join(ann.page, "user1");
      for (const text of ["one", "two", "three", "four"]) await say(ann.page, text);
      const waiting = ann.page.locator(".message.pending", { hasText: "four" });
      await waiting.getByText("waits to be sent").waitFor();
      const notice = ann.page.locator(".notice[data-code='rate_limited']");
      expect(await notice.textContent()).toMatch(/All 3 requests of this hour are used.*sent in \d+:\d\d/);
      await becomes(() => quota(ann.page), "0 left");

      await join(bob.page, "user2");
      await say(bob.page, "still delivered");
      await ann.page.locator("[data-seq='4']", { hasText: "still delivered" }).waitFor();
      expect(await ann.page.locator("#status").textContent()).toBe("Connected");

      await waiting.getByRole("button", { name: "Take back" }).click();
      await waiting.waitFor({ state: "detached" });
      await waitForFocus(ann.page, "text");
      expect(await ann.page.locator("#text").inputValue()).toBe("four");
      expect([...ann.errors, ...bob.errors]).toEqual([]);
    },
    PATIENCE,
  );

  for (const [colorScheme, user] of [
    ["light", "user2"],
    ["dark", "user3"],
  ] as const) {
    longTest(
      `on a phone's width nothing scrolls sideways (${colorScheme})`,
      async () => {
        const viewport = { width: 360, height: 740 };
        await using ann = await openPage(browser(), meagre().url, { viewport, colorScheme });
        await ann.page.locator("#demo-accounts button").first().waitFor();
        await becomes(() => overflow(ann.page), 0);
        await join(ann.page, user, `den-${"long".repeat(20)}`);
        await say(ann.page, "w".repeat(300));
        for (const text of ["two", "three", "four"]) await say(ann.page, text);
        await ann.page.locator(".message.pending", { hasText: "waits" }).first().waitFor();
        await becomes(() => overflow(ann.page), 0);
        await ann.page.locator("#toggle-people").click();
        await ann.page.locator("#people-title").waitFor();
        await becomes(() => overflow(ann.page), 0);
        await ann.page.locator("#close-people").click();
        await ann.page.locator("#back").click();
        await ann.page.locator(".inbox-row").first().waitFor();
        await becomes(() => overflow(ann.page), 0);
        await openPanel(ann.page, "Timeline");
        await becomes(() => overflow(ann.page), 0);
        await ann.page.locator(".frame").first().click();
        await becomes(() => overflow(ann.page), 0);
        expect(ann.errors).toEqual([]);
      },
      PATIENCE,
    );
  }
});

/** Records each state in which an own message is drawn; the server is too fast to check in between. */
function watchDeliveries(page: Page): Promise<void> {
  return page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    const list = document.getElementById("messages");
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.addedNodes) {
          if (node instanceof HTMLElement && node.matches(".own")) seen.push(node.dataset.delivery ?? "");
        }
      }
    }).observe(list!, { childList: true });
  });
}

function deliveries(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as unknown as { seen: string[] }).seen);
}
