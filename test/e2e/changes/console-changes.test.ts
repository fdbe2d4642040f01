// Messages that are edited, erased and reacted to, on the page, against a real server. All cases share one page.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Conversation, connect, type Parley } from "../../../src/client/index.ts";
import { OperatorServer } from "../../server/approval/operator-server.ts";
import { axeViolations } from "../../support/browser/axe.ts";
import { chromiumPath, openPage, type WatchedPage } from "../../support/browser/browser.ts";
import { longTest } from "../../support/long-test.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { becomes, enter, join, overflow, PATIENCE, say } from "../console-page.ts";
import { useBrowser } from "../shared-browser.ts";

const WIDE = { width: 1200, height: 800 };
const PHONE = { width: 390, height: 844 };

describe.skipIf(chromiumPath() === undefined)("changes on the page", () => {
  const browser = useBrowser();
  const operator = new OperatorServer();
  let server: TestServer;
  let bench: WatchedPage;
  let ben: Parley;
  let den: Conversation;
  let leave: () => void;

  beforeAll(async () => {
    server = await startTestServer({
      env: { BURST_RATE: "0", PLANS: "free:1000:5", APPROVAL_URL: operator.url },
    });
    ben = connect({ url: server.url, token: await server.token("ben"), limits: { sendRate: 0 } });
    den = ben.conversation("den");
    leave = den.on("message", () => {});
    await den.send("Where do we meet?");
    bench = await openPage(browser(), server.url, { viewport: WIDE });
    await join(bench.page, "user1", "den");
    await row(1).waitFor();
    await say(bench.page, "At the gate.");
    await row(2).waitFor();
  }, PATIENCE);
  afterAll(async () => {
    leave();
    await ben.close();
    await bench[Symbol.asyncDispose]();
    await server.stop();
    operator[Symbol.dispose]();
  });

  const row = (seq: number) => bench.page.locator(`[data-seq='${seq}']`);
  const text = (seq: number) => row(seq).locator(".text").textContent();
  const menu = () => bench.page.locator("#message-menu[open]");
  const openMenu = async (seq: number) => {
    await row(seq).hover();
    await bench.page.getByRole("button", { name: `More about message ${seq}` }).click();
    await menu().waitFor();
  };
  const choose = (label: string) => menu().getByRole("button", { name: label }).click();
  const items = () => menu().locator(".menu-item").allTextContents();

  test(
    "CH4 a message is edited in its place: Escape leaves it, Enter saves, and all see it",
    async () => {
      const { page } = bench;
      await openMenu(2);
      expect(await axeViolations(page, { within: "#message-menu" })).toEqual([]);
      await choose("Edit");
      const field = page.getByRole("textbox", { name: "Text of message 2" });
      await page.locator(".edit-form textarea:focus").waitFor();
      expect(await field.inputValue()).toBe("At the gate.");
      await field.fill("Never mind.");
      await page.keyboard.press("Escape");
      await becomes(() => text(2), "At the gate.");
      await page.locator("[data-seq='2'] .more-about:focus").waitFor();

      await page.keyboard.press("Enter");
      await choose("Edit");
      await field.fill("At the north gate.");
      expect(await axeViolations(page, { within: "#messages" })).toEqual([]);
      await page.keyboard.press("Enter");
      await becomes(() => text(2), "At the north gate.");
      await row(2).locator(".edited", { hasText: "edited" }).waitFor();
      await becomes(async () => (await den.message(2)).text, "At the north gate.");
    },
    PATIENCE,
  );

  test(
    "CH4 reactions are chips with a count and its users; a click adds the own one, or takes it back",
    async () => {
      const { page } = bench;
      await den.react(2, "👍");
      const chip = row(2).locator(".chip", { hasText: "👍" });
      await becomes(() => chip.textContent(), "👍 1");
      expect([await chip.getAttribute("title"), await chip.getAttribute("aria-pressed")]).toEqual([
        "ben",
        "false",
      ]);
      await chip.click();
      await becomes(() => chip.textContent(), "👍 2");
      await becomes(() => chip.getAttribute("title"), "user1 and ben");
      expect(await chip.getAttribute("aria-pressed")).toBe("true");
      await chip.click();
      await becomes(() => chip.textContent(), "👍 1");

      await openMenu(1);
      await menu().getByRole("button", { name: "🎉" }).click();
      await row(1).locator(".chip[aria-pressed='true']", { hasText: "🎉" }).waitFor();
      await openMenu(1);
      expect(await menu().locator(".emoji [aria-pressed='true']").textContent()).toBe("🎉");
      await page.locator("#reaction").fill("a b");
      await page.keyboard.press("Enter");
      await becomes(
        () => page.locator("#reaction-problem").textContent(),
        "This cannot be a reaction. It has no blanks and no slash.",
      );
      await page.locator("#reaction").fill("constructor");
      await page.keyboard.press("Enter");
      await becomes(() => row(1).locator(".chip").allTextContents(), ["🎉 1", "constructor 1"]);
    },
    PATIENCE,
  );

  longTest(
    "each change is shown as its frame, with curl, the library and Python",
    async () => {
      const { page } = bench;
      await page.locator("#announcement-next").click();
      const sheet = page.locator("#code-sheet[open]");
      await sheet
        .locator("pre", { hasText: "/conversations/den/messages/1/reactions/constructor" })
        .first()
        .waitFor();
      await sheet.locator("pre", { hasText: '.react(1, "constructor", true)' }).waitFor();
      await sheet.locator("pre", { hasText: 'method="PUT"' }).waitFor();
      await page.locator("#show-frame").click();
      await page.locator("#frame-detail h2", { hasText: "react" }).waitFor();
      await page.locator("#close-tools").click();
    },
    PATIENCE,
  );

  test(
    "CH4 a menu has what the user may do; a refused change is taken back, says why, and is begun again, tried again or discarded",
    async () => {
      const { page } = bench;
      await openMenu(1);
      expect(await items()).toEqual(["Reply", "Copy text", "Copy as curl, library or Python"]);
      await page.keyboard.press("Escape");
      await openMenu(2);
      expect(await items()).toEqual([
        "Reply",
        "Edit",
        "Copy text",
        "Copy as curl, library or Python",
        "Erase…",
      ]);
      await choose("Edit");
      await page.locator(".edit-form textarea:focus").waitFor();
      // Another page of the same user is faster.
      const again = connect({ url: server.url, token: await server.token("user1") });
      await again.conversation("den").edit(2, { text: "At the south gate." });
      await again.close();
      await row(2).locator(".edited").waitFor();
      await page.getByRole("textbox", { name: "Text of message 2" }).fill("At home.");
      await page.keyboard.press("Enter");
      const failure = row(2).locator(".failure");
      await failure.locator("p", { hasText: /^Not edited: / }).waitFor();
      await becomes(() => text(2), "At the south gate.");
      expect(await axeViolations(page, { within: "#messages" })).toEqual([]);
      // The same edit would be refused for ever: it begins again, with its words and what the message is now.
      await failure.getByRole("button", { name: "Edit again" }).click();
      await failure.waitFor({ state: "detached" });
      const field = page.getByRole("textbox", { name: "Text of message 2" });
      await becomes(() => field.inputValue(), "At home.");
      await page.keyboard.press("Enter");
      await becomes(async () => (await den.message(2)).text, "At home.");
      await becomes(() => text(2), "At home.");

      operator.answer = ({ type }) => ({
        action: type === "edit" ? "reject" : "accept",
        reason: "no insults",
      });
      await openMenu(2);
      await choose("Edit");
      await field.fill("You fool.");
      await page.keyboard.press("Enter");
      await failure.locator("p", { hasText: /^Not edited: .*no insults/ }).waitFor();
      await becomes(() => text(2), "At home.");
      await failure.getByRole("button", { name: "Try again" }).click();
      await failure.locator("p", { hasText: /^Not edited: .*no insults/ }).waitFor();
      await failure.getByRole("button", { name: "Discard" }).click();
      await failure.waitFor({ state: "detached" });
      await becomes(() => text(2), "At home.");
    },
    PATIENCE,
  );

  test(
    "AP1 a message that the operator's approval refuses says why in its row, and is discarded or sent again",
    async () => {
      const { page } = bench;
      operator.answer = () => ({ action: "reject", reason: "no insults" });
      await say(page, "You fool.");
      const refused = page.locator("[data-delivery='failed']", { hasText: "You fool." });
      await refused
        .locator(".failure p", { hasText: "The approval of this server refused it: no insults" })
        .waitFor();
      expect(await axeViolations(page, { within: "#messages" })).toEqual([]);
      operator.answer = () => ({ action: "replace", text: "You f**l." });
      await refused.getByRole("button", { name: "Send again" }).click();
      await page.locator("[data-seq='3'] .text", { hasText: "You f**l." }).waitFor();
      operator.answer = () => ({ action: "accept" });
    },
    PATIENCE,
  );

  test(
    "CH3 an erasure is asked for; of one's own message the reason is not kept where messages are approved",
    async () => {
      const { page } = bench;
      await openMenu(2);
      await choose("Erase…");
      await page.locator("#erase-reason:focus").waitFor();
      expect(await axeViolations(page, { within: "#message-menu" })).toEqual([]);
      await choose("Keep it");
      await becomes(() => text(2), "At home.");
      await openMenu(2);
      await choose("Erase…");
      await page.locator("#erase-reason").fill("wrong place");
      await page.keyboard.press("Enter");
      await becomes(() => text(2), "Message erased");
      expect(await row(2).locator(".chip, .more-about").count()).toBe(0);
      const { text: left, erased } = await den.message(2);
      expect([left, erased]).toEqual(["", { by: "user1", at: expect.any(Number) }]);
    },
    PATIENCE,
  );

  test(
    "CH3 CH4 a moderator erases what others wrote, with a reason that all see; who is muted may only erase",
    async () => {
      const { page } = bench;
      // A group of ben's, in which user1 is a member.
      const made = await ben.create({
        access: "members",
        title: "Hall",
        members: [{ user: "user1", role: "moderator" }],
      });
      const hall = ben.conversation(made.conversation);
      await hall.send("Rude words.");
      await page.locator(".inbox-row", { hasText: "Hall" }).click();
      await page.locator("[data-seq='1'] .text", { hasText: "Rude words." }).waitFor();
      await openMenu(1);
      await choose("Erase…");
      await page.locator("#erase-reason:focus").waitFor();
      await page.locator("#erase-reason").fill("rude");
      await page.keyboard.press("Enter");
      await becomes(() => text(1), "Message erased by user1: rude");
      expect(await hall.message(1)).toMatchObject({ text: "", erased: { by: "user1", reason: "rude" } });
      await say(page, "My words.");
      await row(2).waitFor();
      await ben.request("PUT", `/conversations/${made.conversation}/mutes/user1`, {});
      await page.locator("#room-muted").waitFor();
      await openMenu(2);
      expect(await items()).toEqual(["Reply", "Copy text", "Copy as curl, library or Python", "Erase…"]);
      expect(await menu().locator(".emoji").count()).toBe(0);
      await page.keyboard.press("Escape");
    },
    PATIENCE,
  );

  longTest(
    "the page is as wide as a phone, and nothing on it breaks a rule",
    async () => {
      const { page } = bench;
      await enter(page, "den");
      await row(1).locator(".chip").first().waitFor();
      await page.setViewportSize(PHONE);
      await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
      expect(await overflow(page)).toBe(0);
      expect(await axeViolations(page)).toEqual([]);
      await openMenu(1);
      expect(await overflow(page)).toBe(0);
      expect(await axeViolations(page, { within: "#message-menu" })).toEqual([]);
      await page.keyboard.press("Escape");
      expect(bench.errors).toEqual([]);
    },
    PATIENCE,
  );
});
