// The messenger: groups, direct conversations, unread marks, what moderators do, and a reload, in a real browser.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";
import {
  becomes,
  connected,
  enter,
  item,
  join,
  openPanel,
  PATIENCE,
  say,
  texts,
  waitForFocus,
} from "./console-page.ts";
import { useBrowser, usePage, useServer } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("the messenger", () => {
  const browser = useBrowser();

  describe("of two users, one test after the other", () => {
    const server = useServer();
    const first = usePage(browser, server);
    const second = usePage(browser, server);
    beforeAll(async () => {
      await signIn(first().page, "user1");
      await signIn(second().page, "user2");
    }, PATIENCE);

    test(
      "MB4 IN1 a private group of two: made, unread, read, muted, renamed, and left",
      async () => {
        const [ann, bob] = [first(), second()];
        await makeGroup(ann.page, "Design review", "user2");

        // The other user sees it come, and what is not read yet.
        await item(bob.page, "Design review").waitFor();
        for (const text of ["one", "two"]) await say(ann.page, text);
        await item(bob.page, "Design review").locator(".badge-unread", { hasText: /^2/ }).waitFor();
        await item(bob.page, "Design review").locator(".row-preview", { hasText: "user1: two" }).waitFor();
        await becomes(() => bob.page.title(), "(2) Parley");
        await item(bob.page, "Design review").click();
        await becomes(() => texts(bob.page), ["one", "two"]);
        await bob.page.locator("#unread-line").waitFor();
        await waitForFocus(bob.page, "text");
        await bob.page.bringToFront();
        await item(bob.page, "Design review").locator(".badge-unread").waitFor({ state: "detached" });
        await ann.page.locator("[data-seq='2'] .readers", { hasText: "Read by user2" }).waitFor();

        // A mute is shown to the muted user, whose message fails and is kept until it is discarded.
        await change(ann.page, "user2", "Mute for 10 minutes");
        await bob.page.locator("#room-muted", { hasText: "user1 muted you here until" }).waitFor();
        await say(bob.page, "three");
        const failed = bob.page.locator(".message.failed", { hasText: "three" });
        await failed.getByText("not sent").waitFor();
        await change(ann.page, "user2", "Unmute");
        await bob.page.locator("#room-muted").waitFor({ state: "detached" });
        await failed.getByRole("button", { name: "Send again" }).click();
        await bob.page.locator(".own[data-seq='3']", { hasText: "three" }).waitFor();
        await ann.page.locator("[data-seq='3']", { hasText: "three" }).waitFor();

        await ann.page.locator("#edit-title").click();
        await ann.page.locator("#title-field").fill("Design talk");
        await ann.page.keyboard.press("Enter");
        await bob.page.locator("#conversation-title", { hasText: "Design talk" }).waitFor();
        await item(bob.page, "Design talk").waitFor();

        await bob.page.locator("#leave").click();
        await item(bob.page, "Design talk").waitFor({ state: "detached" });
        await bob.page.locator("#no-conversation").waitFor();
        await ann.page.locator("#members li[data-user='user2']").waitFor({ state: "detached" });
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "MB2 MB4 roles, removal, a ban and its end: what each user sees of them",
      async () => {
        const [ann, bob] = [first(), second()];
        await makeGroup(ann.page, "Den", "user2, user3");
        await item(bob.page, "Den").click();
        await bob.page.locator("#members li[data-user='user3']").waitFor();
        expect(await bob.page.getByRole("button", { name: /^Change / }).count()).toBe(0);

        await change(ann.page, "user2", "Make moderator");
        await bob.page.locator("#members li[data-user='user2'] .badge", { hasText: "moderator" }).waitFor();
        await change(bob.page, "user3", "Remove");
        await ann.page.locator("#members li[data-user='user3']").waitFor({ state: "detached" });
        await ann.page.locator("#invite-name").fill("user4");
        await ann.page.keyboard.press("Enter");
        await bob.page.locator("#members li[data-user='user4']").waitFor();

        await change(ann.page, "user2", "Ban");
        await bob.page.locator("#room-closed").waitFor();
        await item(bob.page, "Den").waitFor({ state: "detached" });
        await ann.page.getByRole("button", { name: "Unban user2" }).click();
        await ann.page.locator("#bans").waitFor({ state: "detached" });
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );

    test(
      "a direct conversation is the same for both users, and is named after the other one",
      async () => {
        const [ann, bob] = [first(), second()];
        for (const [page, other] of [
          [ann.page, "user2"],
          [bob.page, "user1"],
        ] as const) {
          await page.locator("#new-conversation").click();
          await page.getByRole("radio", { name: "Direct" }).check();
          await page.locator("#new-people").fill(other);
          await page.keyboard.press("Enter");
          await page.locator("#conversation-title", { hasText: other }).waitFor();
          await waitForFocus(page, "text");
        }
        await ann.page.locator("#conversation-about", { hasText: "Here now" }).waitFor();
        await say(ann.page, "psst");
        await bob.page.locator("[data-seq='1']", { hasText: "psst" }).waitFor();
        expect([...ann.errors, ...bob.errors]).toEqual([]);
      },
      PATIENCE,
    );
  });

  longTest(
    "each action is shown in code and by its frame, and the timeline shows the frames of one conversation",
    async () => {
      await using server = await startTestServer();
      await using ann = await openPage(browser(), server.url, {
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const { page } = ann;
      const copied = () => page.evaluate(() => navigator.clipboard.readText());
      await signIn(page, "user1");
      await makeGroup(page, "Den", "user2");
      await change(page, "user2", "Mute for 10 minutes");
      await page.locator("#announcement-next").click();
      for (const [name, words] of [
        ["Copy as curl", /^curl -X PUT \S+\/conversations\/_\w+\/mutes\/user2 /],
        [
          "Copy as code for the client library",
          /watchMembers\(parley\.conversation\("_\w+"\)\)\.mute\("user2", {"seconds":600}\)/,
        ],
        ["Copy as Python", /method="PUT", data=json\.dumps\({"seconds": 600}\)/],
      ] as const) {
        await page.getByRole("button", { name, exact: true }).click();
        await becomes(async () => words.test(await copied()), true);
      }
      await page.locator("#show-frame").click();
      await page.locator("#frame-detail pre", { hasText: '"change": "muted"' }).waitFor();

      await say(page, "words");
      await page.locator(".own[data-seq='1']").hover();
      await page.getByRole("button", { name: "Message 1 in code" }).click();
      await page.locator("#show-frame").click();
      await page.locator("#frame-detail h2", { hasText: "message" }).waitFor();

      await enter(page, "lobby");
      await say(page, "elsewhere");
      await page.locator("#filter-conversation").selectOption({ label: "Den" });
      await page.locator(".frame", { hasText: "words" }).first().waitFor();
      expect(await page.locator(".frame", { hasText: "elsewhere" }).count()).toBe(0);
      await page.locator("#filter-conversation").selectOption({ label: "lobby" });
      await page.locator(".frame", { hasText: "elsewhere" }).first().waitFor();
      await becomes(() => page.locator(".frame", { hasText: "words" }).count(), 0);
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  test(
    "SEC-P1 a reload stays signed in, with every client that has a session, and a sign-out ends that",
    async () => {
      await using server = await startTestServer();
      await using ann = await openPage(browser(), server.url);
      const { page } = ann;
      await join(page, "user1", "den");
      await say(page, "before");
      await page.locator("#add-client").click();
      await join(page, "user2", "lobby");
      await page.getByRole("button", { name: "user1", exact: true }).click();
      await page.reload();
      await connected(page);
      await page.locator(".own[data-seq='1']", { hasText: "before" }).waitFor();
      await becomes(() => page.locator(".client .pick").allTextContents(), ["U1user1", "U2user2"]);
      const cookies = await page.context().cookies(`${server.url}/console/session/token`);
      expect(cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path }))).toEqual(
        Array(2).fill({ httpOnly: true, sameSite: "Strict", path: "/console/session" }),
      );
      expect(await page.context().cookies(`${server.url}/token`)).toEqual([]);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.locator("#sign-in").waitFor();
      await becomes(async () => (await page.context().cookies()).length, 0);
      await page.reload();
      await page.locator("#demo-accounts button").first().waitFor();
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "below a path prefix it signs in, talks, and stays signed in over a reload",
    async () => {
      await using server = await startTestServer();
      await using proxy = startPrefixProxy(server, "/chat");
      await using ann = await openPage(browser(), `${proxy.origin}/chat/`);
      const { page } = ann;
      await join(page, "user1");
      await say(page, "below");
      await page.locator(".own[data-seq='1']").waitFor();
      await page.reload();
      await page.locator(".own[data-seq='1']", { hasText: "below" }).waitFor();
      const [cookie] = await page.context().cookies();
      expect(cookie?.path).toBe("/chat/console/session");
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "on a phone the inbox and the conversation are two steps, there and back",
    async () => {
      await using server = await startTestServer();
      const options = { viewport: { width: 390, height: 844 }, hasTouch: true };
      await using ann = await openPage(browser(), server.url, options);
      const { page } = ann;
      await signIn(page, "user1");
      await makeGroup(page, "Den", "user2");
      expect(await page.locator("#inbox").isVisible()).toBe(false);
      await page.locator("#back").click();
      await item(page, "Den").waitFor();
      expect(await page.locator("#text").isVisible()).toBe(false);
      await item(page, "Den").click();
      await page.locator("#text").waitFor();
      await page.goBack();
      await item(page, "Den").waitFor();
      await item(page, "Den").click();
      await openPanel(page, "Timeline");
      expect(await page.locator("#text").isVisible()).toBe(false);
      await page.locator("#close-tools").click();
      await page.locator("#text").waitFor();
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );

  longTest(
    "older messages are loaded in place, and new ones below are counted",
    async () => {
      await using server = await startTestServer({ env: { BURST_RATE: "0" } });
      const token = await server.token("user2");
      const post = (n: number) =>
        fetch(`${server.url}/conversations/den/messages`, {
          method: "POST",
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          body: JSON.stringify({ text: `message ${n}.` }),
        });
      for (let n = 1; n <= 70; n++) expect((await post(n)).status).toBe(201);
      await using ann = await openPage(browser(), server.url, { viewport: { width: 1200, height: 600 } });
      const { page } = ann;
      await join(page, "user1", "den");
      await page.locator("[data-seq='70']").waitFor();
      await becomes(() => page.locator(".message").count(), 50);
      await page.locator("#scroller").evaluate((it) => it.scrollTo(0, 0));
      await page.locator("#earlier").click();
      await becomes(() => page.locator(".message").count(), 70);
      // The message that was at the top is still in view.
      expect(await page.locator("[data-seq='21']").evaluate(isInView)).toBe(true);
      for (let n = 71; n <= 73; n++) expect((await post(n)).status).toBe(201);
      await page.locator("#newer", { hasText: "3 new messages below" }).click();
      await page.locator("#newer").waitFor({ state: "detached" });
      await becomes(() => page.locator("[data-seq='73']").evaluate(isInView), true);
      expect(ann.errors).toEqual([]);
    },
    PATIENCE,
  );
});

/** Signs in with a demo account. */
async function signIn(page: Page, user: string): Promise<void> {
  await page.locator("#demo-accounts").getByRole("button", { name: user }).click();
  await connected(page);
  await page.locator("#inbox-empty, .inbox-row").first().waitFor();
}

/** Makes a private group, which is then shown. */
async function makeGroup(page: Page, title: string, people: string): Promise<void> {
  await page.locator("#new-conversation").click();
  await page.locator("#new-title").fill(title);
  await page.locator("#new-people").fill(people);
  await page.keyboard.press("Enter");
  await page.locator("#conversation-title", { hasText: title }).waitFor();
}

/** Does something about a user, with the menu beside the name. */
async function change(page: Page, user: string, label: string): Promise<void> {
  await page.getByRole("button", { name: `Change ${user}` }).click();
  await page.getByRole("button", { name: label, exact: true }).click();
  await page.locator("#announcement", { hasText: user }).waitFor();
}

function isInView(element: Element): boolean {
  const outer = document.querySelector("#scroller")!.getBoundingClientRect();
  const inner = element.getBoundingClientRect();
  return inner.bottom > outer.top && inner.top < outer.bottom;
}

/** A proxy that serves the server below a path, which the server does not see. */
function startPrefixProxy(server: TestServer, prefix: string) {
  interface Line {
    readonly upstream: WebSocket;
    readonly early: string[];
  }
  const proxy = Bun.serve<Line, never>({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request, self) {
      const url = new URL(request.url);
      if (!url.pathname.startsWith(`${prefix}/`)) return new Response(null, { status: 404 });
      const path = url.pathname.slice(prefix.length) + url.search;
      const protocols = request.headers.get("Sec-WebSocket-Protocol");
      if (protocols !== null) {
        const early: string[] = [];
        const upstream = new WebSocket(server.wsUrl.replace(/\/$/, "") + path, protocols.split(/, */));
        const headers = { "Sec-WebSocket-Protocol": "parley.v1" };
        return self.upgrade(request, { data: { upstream, early }, headers }) ? undefined : new Response(null);
      }
      const target = new Request(server.url.replace(/\/$/, "") + path, request);
      // The names of the proxy, as a proxy that preserves `Host` sends them.
      target.headers.set("Host", url.host);
      return fetch(target, { redirect: "manual", decompress: false } as RequestInit);
    },
    websocket: {
      open(socket) {
        const { upstream, early } = socket.data;
        upstream.onopen = () => {
          for (const text of early.splice(0)) upstream.send(text);
        };
        upstream.onmessage = ({ data }) => void socket.send(String(data));
        upstream.onclose = ({ code, reason }) => socket.close(code === 1006 ? 1011 : code, reason);
      },
      message({ data }, text) {
        if (data.upstream.readyState === WebSocket.OPEN) data.upstream.send(String(text));
        else data.early.push(String(text));
      },
      close: ({ data }) => data.upstream.close(),
    },
  });
  return {
    origin: `http://127.0.0.1:${proxy.port}`,
    [Symbol.asyncDispose]: () => proxy.stop(true),
  };
}
