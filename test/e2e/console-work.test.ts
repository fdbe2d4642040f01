// A user who works with the page for hours: focus, typed text, selections and switched-off keys stay unchanged.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import {
  addClient,
  becomes,
  connect,
  connected,
  focused,
  join,
  openPanel,
  outcome,
  PATIENCE,
  say,
  select,
  shownRows,
  waitForFocus,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("at work with the console", () => {
  const browser = useBrowser();
  const server = useServer({ TEST_FAULTS: "true", BURST_RATE: "0" });

  describe("on one page, one after the other", () => {
    const bench = usePage(browser, server);
    beforeAll(() => join(bench().page, "user1"), PATIENCE);

    test(
      "a connection that ends while the user writes keeps the text and the focus, and a reload asks first",
      async () => {
        const { page } = bench();
        await openPanel(page, "Faults");
        await page.locator("#text").fill("half of a");
        await page.locator("#close-code").evaluate((field) => field.focus());
        await page.locator("#text").focus();
        await page.locator("#fault-close").evaluate((button: HTMLElement) => button.click());
        await page.locator("#ending-title", { hasText: "4408" }).waitFor();
        expect(await focused(page)).toBe("text");
        await page.keyboard.type(" sentence");
        expect(await page.locator("#text").inputValue()).toBe("half of a sentence");
        await page.locator("#ending").waitFor();
        const asked = page.waitForEvent("dialog");
        await page.evaluate(() => void setTimeout(() => location.reload()));
        await (await asked).dismiss();
        await page.locator("#reconnect").click();
        await connected(page);
        await page.locator("#text").press("Enter");
        await page.locator(".own[data-seq='1']", { hasText: "half of a sentence" }).waitFor();
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "keys without an effect explain why",
      async () => {
        const { page } = bench();
        await openPanel(page, "Timeline");
        await page.keyboard.press("Escape");
        for (const [key, words] of [
          ["j", "There is no other client; n adds one"],
          ["a", "There is only one client; n adds another"],
          ["y", "Choose a frame first"],
        ] as const) {
          await page.keyboard.press(key);
          await announced(page, words);
        }
        await page.keyboard.press("c");
        await page.locator("#status[data-at='signed_in']").waitFor();
        await page.locator("#text").fill("to no client");
        await page.locator("#text").press("Enter");
        await announced(page, "Nothing was sent: connect first");
        expect(await page.locator("#text").inputValue()).toBe("to no client");
        await page.locator("#text").fill("");
        await page.keyboard.press("Escape");
        await page.keyboard.press("n");
        for (const key of ["d", "c", "m"]) {
          await page.locator("#sign-in").waitFor();
          await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
          await page.keyboard.press(key);
          await announced(page, "Sign this client in first");
        }
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "keys move from client to client without writing into a field; a click moves into the text field",
      async () => {
        const { page } = bench();
        // The second client is at the door.
        await join(page, "user2");
        await addClient(page, "user3");
        await page.keyboard.press("Escape");
        await page.keyboard.type("jjk");
        await page.locator(".client[data-client='c1'][data-selected='true']").waitFor();
        expect(await page.locator("#text").inputValue()).toBe("");
        await announced(page, "user1 is selected");
        await select(page, "user2");
        await waitForFocus(page, "text");
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "the form of each frame keeps the typed text, and a frame is sent by all posting clients",
      async () => {
        const { page } = bench();
        await select(page, "user1");
        await connect(page);
        await openPanel(page, "Send");
        const kind = page.locator("#frame-kind");
        await page.locator("#field-text").fill("kept {{n}}");
        await kind.selectOption("ping");
        await page.locator("#raw").fill('{"type":"ping" }');
        await kind.selectOption("message");
        expect(await page.locator("#field-text").inputValue()).toBe("kept {{n}}");
        await kind.selectOption("raw");
        expect(await page.locator("#raw").inputValue()).toBe('{"type":"ping" }');
        await kind.selectOption("message");
        await page.getByRole("checkbox", { name: "Send as all" }).check();
        await page.locator("#frame-form", { hasText: "as user1, user2, user3" }).waitFor();
        await page.locator("#send-frame").click();
        await outcome(page, /stored as #\d after/, "fine");
        await becomes(() => page.locator(".message[data-seq]", { hasText: "kept " }).count(), 3);
        expect(bench().errors).toEqual([]);
      },
      PATIENCE,
    );
  });

  longTest(
    "a chosen frame stays in view when its details open and when others come; Escape keeps the filter",
    async () => {
      await using bench = await openPage(browser(), server().url, { viewport: { width: 1200, height: 600 } });
      const { page } = bench;
      await join(page, "user1", "frames");
      await openPanel(page, "Timeline");
      for (let n = 1; n <= 8; n++) await say(page, `message ${n}.`);
      const row = page.locator(".frame.in", { hasText: "user1: message 6." });
      await row.click();
      const isInView = () =>
        page.evaluate(() => {
          const list = document.querySelector("#frame-list")!;
          const named = document.getElementById(list.getAttribute("aria-activedescendant") ?? "");
          const [inner, outer] = [named?.getBoundingClientRect(), list.getBoundingClientRect()];
          // The browser scrolls and paints by whole pixels, but the list is 180.5 high: half a pixel counts as in view.
          return inner !== undefined && inner.top >= outer.top && inner.bottom < outer.bottom + 1;
        });
      await page.locator("#frame-detail").waitFor();
      await waitForFocus(page, "frame-list");
      await page.waitForFunction(
        () => document.querySelector("#frame-list")!.clientHeight < window.innerHeight * 0.6,
      );
      await waitUntil("the chosen frame is in view", isInView);
      for (let n = 9; n <= 18; n++) await say(page, `message ${n}.`);
      await page.locator(".own[data-seq='18']").waitFor();
      await waitUntil("the chosen frame is still in view", isInView);
      // Scrolled far away it is not in the document: then no reference to it remains.
      await page.locator("#frame-list").evaluate((list) => {
        list.scrollTop = list.scrollHeight;
      });
      await page.locator(".frame", { hasText: "user1: message 18." }).waitFor();
      await waitUntil(
        "no frame is named",
        async () => !(await page.locator("#frame-list").getAttribute("aria-activedescendant")),
      );
      // By keys, up to both edges of the list.
      await page.locator("#frame-list").press("Home");
      await waitUntil("the first frame is in view", isInView);
      await page.locator("#frame-list").press("End");
      await waitUntil("the last frame is in view", isInView);

      // The message both ways, and the inbox, which may show it as the newest for a moment.
      const filtered = page.locator("#timeline-foot", { hasText: /^[23] of / });
      await page.locator("#find").fill("message 6.");
      await filtered.waitFor();
      await page.locator("#find").press("Escape");
      expect(await page.locator("#find").inputValue()).toBe("message 6.");
      await filtered.waitFor();
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "a client that gets a name has it in the existing rows, and a filter by it finds them",
    async () => {
      await using bench = await openPage(browser(), server().url);
      const { page } = bench;
      await join(page, "user1");
      await addClient(page, "user2");
      await openPanel(page, "Timeline");
      await page.locator("#filter-type").selectOption("welcome");
      await shownRows(page, 2);
      await openPanel(page, "Clients");
      await page.getByRole("button", { name: "Name user1" }).click();
      await page.keyboard.type("ann");
      await page.keyboard.press("Enter");
      await openPanel(page, "Timeline");
      await page.locator(".frame .who", { hasText: /^ann$/ }).waitFor();
      await page.locator("#filter-client").selectOption("ann");
      await shownRows(page, 1);
      await openPanel(page, "Clients");
      await page.getByRole("button", { name: "Name user2" }).click();
      await page.keyboard.type("ann");
      await page.keyboard.press("Enter");
      await openPanel(page, "Timeline");
      await shownRows(page, 2);
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "the focus stays in place after a client is named, duplicated and dropped, and a click outside closes the sheet",
    async () => {
      await using bench = await openPage(browser(), server().url);
      const { page } = bench;
      const button = (name: string) => page.getByRole("button", { name, exact: true });
      const hasFocus = (name: string) =>
        waitUntil(`${name} has the focus`, () =>
          button(name).evaluate((it) => it === document.activeElement),
        );
      await join(page, "user1");
      await openPanel(page, "Clients");
      await button("Name user1").click();
      await page.keyboard.type("ann");
      await page.keyboard.press("Enter");
      await hasFocus("Name ann");
      await button("Name ann").click();
      await page.keyboard.type("never mind");
      await page.keyboard.press("Escape");
      await hasFocus("Name ann");
      await button("Duplicate ann").click();
      await connected(page);
      await hasFocus("Duplicate ann");
      await button("Drop user1 (2)").click();
      await waitForFocus(page, "add-client");
      await button("Keys").click();
      await page.locator("#key-sheet[open]").waitFor();
      await page.mouse.click(4, 4);
      await page.locator("#key-sheet[open]").waitFor({ state: "detached" });
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "keys that were switched off are off after a reload, and nothing is stored while they are on",
    async () => {
      await using bench = await openPage(browser(), server().url);
      const { page } = bench;
      const onSheet = page.getByRole("checkbox", { name: "Single keys work on this page" });
      await join(page, "user1");
      await page.locator("#show-keys").click();
      await onSheet.uncheck();
      await page.reload();
      await connected(page);
      await page.keyboard.press("n");
      expect(await page.locator(".client").count()).toBe(1);
      await page.locator("#show-keys").click();
      expect(await onSheet.isChecked()).toBe(false);
      await onSheet.check();
      await becomes(() => page.evaluate(() => localStorage.length), 0);
      await page.keyboard.press("Escape");
      await page.keyboard.press("n");
      await page.locator(".client").nth(1).waitFor();
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "without storage in the browser, the page works all the same",
    async () => {
      await using bench = await openPage(browser(), "about:blank");
      const { page } = bench;
      await page.addInitScript(() => {
        Object.defineProperty(window, "localStorage", {
          get() {
            throw new DOMException("Access is denied for this document.", "SecurityError");
          },
        });
      });
      await page.goto(server().url);
      await join(page, "user1", "storage");
      await openPanel(page, "Send");
      await page.locator("#save-name").fill("stamp");
      await page.locator("#save").click();
      await page.locator("#save-problem", { hasText: "The browser did not save it." }).waitFor();
      await page.locator("#send-frame").click();
      await outcome(page, /stored as #1/, "fine");
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "on a phone an added or chosen client is shown at once",
    async () => {
      await using bench = await openPage(browser(), server().url, { viewport: { width: 360, height: 740 } });
      const { page } = bench;
      await join(page, "user1");
      await addClient(page, "user2", "den");
      await page.locator("#conversation-title", { hasText: "den" }).waitFor();
      await select(page, "user1");
      await page.locator("#conversation-title", { hasText: "lobby" }).waitFor();
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );
});

/** Waits until the page says so. */
async function announced(page: Page, words: string): Promise<void> {
  await page.locator("#announcement", { hasText: words }).waitFor();
}
