// Frames of the protocol, any text, saved messages and series, in a real browser against a real server.
import { beforeAll, describe, expect, test } from "bun:test";
import { chromiumPath } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import {
  addClient,
  becomes,
  connected,
  enter,
  join,
  opened,
  openPanel,
  outcome,
  PATIENCE,
  say,
  texts,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("sending by hand", () => {
  const server = useServer({ PLANS: "free:25:5,basic:1000:20,premium:10000:100" });
  // One page, one test after the other.
  const bench = usePage(useBrowser(), server);
  beforeAll(() => join(bench().page, "user2"), PATIENCE);

  test(
    "a form has the fields of the protocol; the server's reply is shown in place",
    async () => {
      const { page } = bench();
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
      expect(bench().errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "A4 SEC-P1 a message is saved in the browser and there after a reload; one with a token is not saved",
    async () => {
      const { page } = bench();
      await openPanel(page, "Send");
      await page.locator("#frame-kind").selectOption("message");
      await page.locator("#field-text").fill("{{uuid}} at {{now}}");
      await page.locator("#save-name").fill("stamp");
      await page.locator("#save").click();
      await page.locator("#saved li", { hasText: "stamp" }).waitFor();

      await page
        .locator("#raw")
        .fill(JSON.stringify({ type: "token", token: await server().token("user2") }));
      await page.locator("#save-name").fill("secret");
      await page.locator("#save").click();
      await page.locator("#save-problem", { hasText: "a token, which is not saved" }).waitFor();
      expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("eyJ");
      await page.locator("#send-frame").click();
      await outcome(page, /token_accepted/, "fine");

      await page.reload();
      await connected(page);
      await opened(page);
      await page.locator("#saved").getByRole("button", { name: "stamp", exact: true }).click();
      await page.locator("#send-frame").click();
      await page.locator(".message", { hasText: /[a-z0-9-]{20,} at \d{13}/ }).waitFor();
      await page.getByRole("button", { name: "Remove stamp" }).click();
      await becomes(() => page.evaluate(() => localStorage.length), 0);
      expect(bench().errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "a frame of the timeline is edited and sent again",
    async () => {
      const { page } = bench();
      await enter(page, "again");
      await openPanel(page, "Timeline");
      await say(page, "first words");
      await page.locator(".own[data-seq='1']").waitFor();
      await page.locator(".frame.out", { hasText: "first words" }).click();
      await page.getByRole("button", { name: "Edit and send" }).click();
      const raw = page.locator("#raw");
      await raw.fill((await raw.inputValue()).replace("first words", "other words"));
      await page.locator("#send-frame").click();
      // D3: the same id, so that nothing is stored twice and the first text stays.
      await outcome(page, /stored before, as #1/, "fine");
      await becomes(() => texts(page), ["first words"]);
      expect(bench().errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "Q4 a series of a rate, a count and a size is sent, and reports its replies and their times",
    async () => {
      const { page } = bench();
      await addClient(page, "user1", "series");
      await openPanel(page, "Send");
      await page.locator("#series-rate").fill("100");
      await page.locator("#series-count").fill("30");
      await page.locator("#series-size").fill("200");
      await page.locator("#series-start").click();
      const facts = page.locator("#series-progress .facts");
      await facts.filter({ hasText: /Sent30 of 30Answered25Refused5Half within[\d.]+ ms/ }).waitFor();
      await page.locator("[data-seq='25']").waitFor();
      expect((await texts(page)).at(-1)).toHaveLength(200);
      expect(bench().errors).toEqual([]);
    },
    PATIENCE,
  );
});
