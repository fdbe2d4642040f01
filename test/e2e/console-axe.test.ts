// No view of the page breaks a rule of axe-core, in either colour scheme; TEST_LONG=true tries the whole page with each, wide and narrow.
import { describe, expect, test } from "bun:test";
import { axeViolations } from "../support/browser/axe.ts";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { isLong } from "../support/random.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { addClient, connected, item, openPanel, PATIENCE, say } from "./console-page.ts";
import { useBrowser } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("accessibility of the page", () => {
  const browser = useBrowser();

  for (const colorScheme of ["light", "dark"] as const) {
    for (const [size, viewport] of [
      ["wide", { width: 1440, height: 900 }],
      ["narrow", { width: 390, height: 800 }],
    ] as const) {
      // The short form looks at each part in the one or the other scheme: its first half is light, its second dark.
      if (!isLong && (colorScheme === "dark" || size === "narrow")) continue;
      test(
        `axe finds nothing, ${colorScheme} and ${size}`,
        async () => {
          await using server = await startTestServer({
            env: { PLANS: "free:3:5,basic:1000:20,premium:10000:100" },
          });
          const options = { colorScheme, viewport, reducedMotion: "reduce" } as const;
          await using ann = await openPage(browser(), server.url, options);
          const { page } = ann;
          /** On a phone each part has the whole page. */
          const back = async () => {
            if (size === "narrow") await page.locator("#back").click();
          };
          const found: string[] = [];
          /** Looks at the whole page, or in the short form at the part that is new. */
          const look = async (view: string, part?: string) => {
            const scope = isLong || part === undefined ? {} : { within: part };
            for (const fault of await axeViolations(page, scope)) found.push(`${view}: ${fault}`);
          };

          await page.locator("#demo-accounts button").first().waitFor();
          await look("the door");
          await page.getByText("Use an existing token").click();
          await page.getByLabel("User name").fill("user1");
          await page.getByLabel("Password").fill("wrong");
          await page.keyboard.press("Enter");
          await page.getByText("Wrong user name or password.").waitFor();
          await look("the door, refused", "#sign-in");
          await page.locator("#demo-accounts button").first().click();
          await page.locator("#inbox-empty").waitFor();
          await look("no conversation yet", ".conversation");
          await page.locator("#new-conversation").click();
          await look("a new conversation", "#new-dialog");
          await page.locator("#new-title").fill("Den");
          await page.locator("#new-people").fill("user2, user3");
          await page.keyboard.press("Enter");
          await page.locator("#conversation-title", { hasText: "Den" }).waitFor();
          await look("nothing said yet", ".conversation");
          for (const text of ["one", "two", "three", "four"]) await say(page, text);
          await page.getByText("waits to be sent").first().waitFor();
          await look("at the limit");
          if (size === "narrow") await page.locator("#toggle-people").click();
          await page.locator("#members li[data-user='user3']").waitFor();
          await look("the people", ".people");
          await page.getByRole("button", { name: "Change user3" }).click();
          await look("a menu", ".people");
          await page.getByRole("button", { name: "Mute", exact: true }).click();
          await page.locator("#mutes li").waitFor();
          await page.locator("#announcement-next").click();
          await page.locator("#code-sheet[open] pre").first().waitFor();
          await look("an action in code", "#code-sheet");
          await page.keyboard.press("Escape");
          if (size === "narrow") await page.locator("#close-people").click();
          await back();

          if (!isLong) await page.emulateMedia({ colorScheme: "dark" });
          await addClient(page, "user2", "lobby");
          await say(page, "from the other");
          await look("two clients", "#clients");
          await back();
          await item(page, "Den").waitFor();
          await look("the inbox", "#inbox");
          await openPanel(page, "Clients");
          await look("the clients", ".panels");
          await openPanel(page, "Timeline");
          await page.locator(".frame.in", { hasText: "ack" }).first().click();
          await look("a frame");
          await page.locator("#find").fill("/(/");
          await look("a wrong filter", ".filters");
          await openPanel(page, "Send");
          await page.locator("#send-frame").click();
          await page.locator("#raw").fill("{oops");
          await page.locator("#send-frame").click();
          await page.locator("#outcomes [data-tone='error']").first().waitFor();
          await page.locator("#save-name").fill("wreck");
          await page.locator("#save").click();
          await page.locator("#series-count").fill("3");
          await page.locator("#series-start").click();
          await page.locator("#series-answered").waitFor();
          await look("sending", ".panels");
          await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
          await page.keyboard.press("?");
          await page.locator("#key-sheet[open]").waitFor();
          await look("the keys", "#key-sheet");
          await page.keyboard.press("Escape");

          await page.locator("#raw").fill("x".repeat(70_000));
          await page.locator("#send-frame").click();
          await page.locator("#ending-title", { hasText: "1009" }).waitFor();
          await look("a closed connection, with its reason", "#notices");
          await page.locator("#reconnect").click();
          await connected(page);

          await page.locator("#disconnect").click();
          await page.locator(".notice[data-code='offline']").waitFor();
          await look("disconnected", "#notices");
          await page.locator("#add-client").click();
          await page.locator("#sign-in").waitFor();
          await look("a client at the door", "#sign-in");
          expect(found).toEqual([]);
        },
        2 * PATIENCE,
      );
    }
  }
});
