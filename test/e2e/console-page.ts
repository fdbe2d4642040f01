// Actions of a user on the page, for the tests of the console.
import { expect } from "bun:test";
import type { Page } from "playwright-core";
import { createPause, TIMEOUT_MS as WAIT } from "../support/time/wait-until.ts";

/** Chromium starts, a server, and pages: more than a test usually needs. */
export const PATIENCE = 180_000;

/** Signs in with a demo account, as the first client, and opens a conversation. */
export async function join(page: Page, user: string, conversation = "lobby"): Promise<void> {
  await page.locator("#demo-accounts").getByRole("button", { name: user }).click();
  await enter(page, conversation);
}

/** Opens a conversation of the selected client by its name. */
export async function enter(page: Page, conversation: string): Promise<void> {
  await connected(page);
  const find = page.locator("#conversation");
  // On a phone the conversation hides the inbox.
  await page.locator("#conversation:visible, #back:visible").first().waitFor();
  if (!(await find.isVisible())) await page.locator("#back").click();
  await find.fill(conversation);
  await find.press("Enter");
  await page.locator("#conversation-title", { hasText: conversation }).waitFor();
  await opened(page);
}

/** Waits until the conversation that is shown is open. */
export async function opened(page: Page): Promise<void> {
  await page.locator("#conversation-about", { hasText: /here|group|anyone/i }).waitFor();
}

/** Waits until the selected client is connected. */
export async function connected(page: Page): Promise<void> {
  await page.locator("#status[data-at='live']").waitFor();
}

/** Ends the connection of the selected client, as its user. */
export async function disconnect(page: Page): Promise<void> {
  await page.locator("#disconnect").click();
  await page.locator("#status[data-at='signed_in']").waitFor();
}

/** Connects the selected client again. */
export async function connect(page: Page): Promise<void> {
  await page.locator("#connect").click();
  await connected(page);
}

/** Posts a text as the selected client, and waits until it is shown. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".message", { hasText: text }).first().waitFor();
}

/** Waits until what `read` returns equals `wanted`: the page draws a moment after the event that a test waited for. */
export async function becomes<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  const pause = createPause();
  let seen: unknown = await read();
  for (const deadline = Date.now() + WAIT; !Bun.deepEquals(seen, wanted) && Date.now() < deadline; ) {
    await pause();
    seen = await read();
  }
  expect(seen).toEqual(wanted);
}

/** The messages that are shown. */
export function texts(page: Page): Promise<string[]> {
  return page.locator("#messages .text").allTextContents();
}

/** The rest of the selected client's quota. */
export function quota(page: Page): Promise<string | null> {
  return page.locator(".client[data-selected='true'] .quota").textContent();
}

/** The conversation with this title in the inbox. */
export function item(page: Page, title: string) {
  return page.locator(".inbox-row", { has: page.locator(".row-title", { hasText: title }) });
}

/** The id of the focused element. */
export function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.id);
}

/** Waits until the element with this id has the focus. */
export async function waitForFocus(page: Page, id: string): Promise<void> {
  await page.locator(`#${id}:focus`).waitFor();
}

/** How many pixels the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** Adds another client, signs it in with a demo account and opens a conversation. */
export async function addClient(page: Page, user: string, conversation = "lobby"): Promise<void> {
  await page.locator("#add-client").click();
  await join(page, user, conversation);
}

/** The tab of the client with this name. */
export function card(page: Page, name: string) {
  return page.locator(".client", { has: page.getByRole("button", { name, exact: true }) });
}

/** Selects the client whose conversation is shown. */
export async function select(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
  await page.locator(".client[data-selected='true']", { hasText: name }).waitFor();
}

/** Opens a tool by its tab. */
export async function openPanel(page: Page, title: string): Promise<void> {
  const tab = page.getByRole("tab", { name: title });
  if (!(await tab.isVisible())) await page.locator("#tools").click();
  await tab.click();
}

/** Waits until the timeline has so many rows, and no more. */
export async function shownRows(page: Page, count: number): Promise<void> {
  await page.locator("#timeline-foot", { hasText: new RegExp(`^${count} of `) }).waitFor();
  await becomes(() => page.locator(".frame").count(), count);
}

/** Opens the details of each frame on the timeline, one after the other, and calls `look` with the page's content. */
export async function eachFrame(page: Page, look: (content: string) => void): Promise<void> {
  const foot = (await page.locator("#timeline-foot").textContent()) ?? "";
  const list = page.locator("#frame-list");
  const count = Number.parseInt(foot.replaceAll(",", ""), 10);
  expect(count).toBeGreaterThan(0);
  await list.focus();
  await list.press("Home");
  for (let index = 0; index < count; index++) {
    await page.locator("#frame-detail pre").waitFor();
    look(await page.content());
    await list.press("ArrowDown");
  }
}

/** Waits for the outcome of the last frame that was sent by hand. */
export async function outcome(page: Page, words: RegExp, tone = "error"): Promise<void> {
  await page.locator(`#outcomes li:first-child [data-tone='${tone}']`, { hasText: words }).waitFor();
}
