// A conversation on the page, recorded and exported, is a test: parley plays it unchanged, and finds a changed value.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { axeViolations } from "../support/browser/axe.ts";
import { chromiumPath, openPage } from "../support/browser/browser.ts";
import { longTest } from "../support/long-test.ts";
import { isLong } from "../support/random.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import {
  addClient,
  becomes,
  connect,
  disconnect,
  join as joinAs,
  openPanel,
  overflow,
  PATIENCE,
  say,
  select,
} from "./console-page.ts";
import { useBrowser } from "./shared-browser.ts";

describe.skipIf(chromiumPath() === undefined)("a recording of the console", () => {
  const browser = useBrowser();
  const folder = new ParleyFolder();
  let url: string;
  beforeAll(async () => {
    ({ url } = await folder.serve([], { TEST_FAULTS: "true" }));
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test(
    "of two clients is saved, runs unchanged, and a planted difference in it is found",
    async () => {
      await using watched = await openPage(browser(), url);
      const { page } = watched;
      // There are frames before the recording begins, which are no part of it.
      await joinAs(page, "user1", "den");
      await say(page, "before");
      await page.locator(".own[data-seq='1']").waitFor();
      await addClient(page, "user2", "den");
      await openPanel(page, "Record");
      await page.getByRole("button", { name: "Record all clients" }).click();
      await page.locator("#record-state", { hasText: "Recording:" }).waitFor();
      await say(page, "Good morning");
      await page.locator(".own[data-seq='2']").waitFor();
      await select(page, "user1");
      await say(page, 'Morning! It\'s <me> & "you"');
      await select(page, "user2");
      await page.locator(".message", { hasText: "Morning! It's" }).waitFor();
      await disconnect(page);
      await select(page, "user1");
      await say(page, "while you were away");
      await page.locator(".own[data-seq='4']").waitFor();
      await select(page, "user2");
      await connect(page);
      await page.locator(".message", { hasText: "while you were away" }).waitFor();
      await page.getByRole("button", { name: "Stop recording" }).click();

      const jsonl = await saveAs(page, "#save-jsonl", folder, "talk.jsonl");
      const har = await saveAs(page, "#save-har", folder, "talk.har");
      expect(jsonl.split("\n")[0]).toContain(
        '"clients":[{"name":"user1","user":"user1","conversation":"den"}',
      );
      expect(jsonl + har).not.toContain("eyJ");
      for (const file of ["talk.jsonl", "talk.har"]) {
        const ended = await folder.run(["run", file, "--url", url]);
        expect(ended).toMatchObject({ code: 0, stderr: "" });
        expect(ended.stdout).toMatch(/^passed {2}talk\.\w+: (\d+) of \1 as expected/);
      }

      // The page reads the HAR file, too, with the same conversation in it.
      await page.locator("#open-recording").setInputFiles(join(folder.path, "talk.har"));
      await page.locator("#recording h2", { hasText: "talk" }).waitFor();
      await page.locator("#announcement", { hasText: "Now shown on the timeline" }).waitFor();
      const again = await saveAs(page, "#save-jsonl", folder, "again.jsonl");
      expect(again.match(/"dir":"(in|out)"/g)).toHaveLength(jsonl.match(/"dir":"(in|out)"/g)!.length);

      const lines = jsonl.split("\n");
      const index = lines.findLastIndex(
        (line) => line.includes('"dir":"in"') && line.includes("Good morning"),
      );
      lines[index] = lines[index]!.replace("Good morning", "Good evening");
      folder.write("changed.jsonl", lines.join("\n"));
      const changed = await folder.run(["run", "changed.jsonl", "--url", url]);
      expect(changed.code).toBe(1);
      expect(changed.stdout).toContain(`changed.jsonl:${index + 1}  `);
      expect(changed.stdout).toContain('- expected  "Good evening"\n      + received  "Good morning"');
      expect(watched.errors).toEqual([]);
    },
    2 * PATIENCE,
  );

  longTest(
    "has the injected faults: a cut and a reconnect, a malformed frame, invalid tokens",
    async () => {
      await using watched = await openPage(browser(), url);
      const { page } = watched;
      await joinAs(page, "user1", "faults");
      await openPanel(page, "Record");
      await page.locator("#record").click();
      await openPanel(page, "Faults");
      await say(page, "one");
      await page.locator(".own[data-seq='1']").waitFor();
      await page.locator("#fault-malformed").click();
      await page.locator("#fault-outcomes", { hasText: "The frame is not JSON." }).waitFor();
      await page.locator("#fault-cut").click();
      await openPanel(page, "Timeline");
      await page.locator(".frame.line", { hasText: "1006" }).waitFor();
      await page.locator("#status[data-at='live']").waitFor();
      await say(page, "two");
      await page.locator(".own[data-seq='2']").waitFor();
      await openPanel(page, "Faults");
      const attempts = [
        ["wrong-token", "unauthorized: "],
        ["expired-token", "token_expired: "],
        ["foreign-token", "forbidden: "],
      ] as const;
      for (const [name, said] of attempts) {
        await page.locator(`#fault-${name}`).click();
        await page.locator("#fault-outcomes", { hasText: said }).waitFor();
      }
      await page.locator("#fault-idle").click();
      await page.locator("#status[data-at='closed']").waitFor();
      await openPanel(page, "Record");
      await page.locator("#record").click();
      const jsonl = await saveAs(page, "#save-jsonl", folder, "faults.jsonl");
      for (const part of [
        '{"do":"cut"}',
        '"token":"wrong"',
        '"token":"expired"',
        '"token":"foreign"',
        '"code":4408',
      ])
        expect(jsonl).toContain(part);
      const ended = await folder.run(["run", "faults.jsonl", "--url", url]);
      expect(ended.stdout).toStartWith("passed");
      expect(ended).toMatchObject({ code: 0, stderr: "" });
    },
    2 * PATIENCE,
  );

  longTest(
    "is opened from a file and shown in the timeline; an error of a file has its line; each sent frame can be copied",
    async () => {
      await using watched = await openPage(browser(), url, {
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const { page } = watched;
      await joinAs(page, "user1", "copies");
      await openPanel(page, "Timeline");
      await say(page, "copy me");
      await page.locator(".frame.out", { hasText: "copy me" }).click();
      const copies = [
        ["Copy as parley", `parley chat copies --url ${url} --user user1 -x 'copy me'\n`],
        ["Copy as curl", `curl -s ${url}/conversations/copies/messages`],
        ["Copy as code for the client library", '.send("copy me", {"id":'],
      ] as const;
      for (const [words, text] of copies) {
        await page.getByRole("button", { name: words, exact: true }).click();
        await waitUntil(words, async () =>
          (await page.evaluate(() => navigator.clipboard.readText())).includes(text),
        );
      }
      await openPanel(page, "Record");
      folder.write("bad.jsonl", `${HEADER}\n{"client":"ann","dir":"up"}\n`);
      await page.locator("#open-recording").setInputFiles(join(folder.path, "bad.jsonl"));
      await page
        .getByText('bad.jsonl, line 2: "dir" must be "out", "in", "line" or "fault", not "up".')
        .waitFor();
      folder.write("good.jsonl", [HEADER, ...LINES].join("\n"));
      await page.locator("#open-recording").setInputFiles(join(folder.path, "good.jsonl"));
      await page.locator("#recording h2", { hasText: "good" }).waitFor();
      await becomes(() => page.locator(".record .problem").allTextContents(), []);
      await openPanel(page, "Timeline");
      await page.locator("#filter-client").selectOption("");
      const rows = page.locator(".frame", { hasText: "ann, recorded" });
      await rows.filter({ hasText: "a recorded text" }).first().waitFor();
      await becomes(
        () => rows.locator(".type").allTextContents(),
        ["dial", "welcome", "message", "ack", "close"],
      );
      expect(watched.errors).toEqual([]);
    },
    PATIENCE,
  );

  // The colours of a panel are those of console-axe.test.ts, so the short form has none of these.
  if (isLong)
    test.each(["light", "dark"] as const)(
      "breaks no rule of accessibility in any state: %s",
      async (colorScheme) => {
        const options = {
          colorScheme,
          viewport: { width: 1200, height: 800 },
          reducedMotion: "reduce",
        } as const;
        await using watched = await openPage(browser(), url, options);
        const { page } = watched;
        await joinAs(page, "user1");
        await openPanel(page, "Record");
        expect(await axeViolations(page, RECORD)).toEqual([]);
        await page.keyboard.press("b");
        await page.locator("#record-state", { hasText: "Recording:" }).waitFor();
        expect(await axeViolations(page, RECORD)).toEqual([]);
        await page.keyboard.press("b");
        await page.locator("#recording").waitFor();
        folder.write("bad.jsonl", "{}");
        await page.locator("#open-recording").setInputFiles(join(folder.path, "bad.jsonl"));
        await page.getByText("bad.jsonl, line 1: is not the header of a recording").waitFor();
        expect(await axeViolations(page, RECORD)).toEqual([]);
        await page.setViewportSize({ width: 390, height: 844 });
        await waitUntil("nothing is wider than the window", async () => (await overflow(page)) <= 0);
        expect(await axeViolations(page)).toEqual([]);
      },
      PATIENCE,
    );
});

/** Where axe looks: the rest of the page is that of console-axe.test.ts. */
const RECORD = { within: ".panels" };

const HEADER =
  '{"parley":"recording","version":1,"at":1795437965000,"server":"here","clients":[{"name":"ann","user":"user1","conversation":"lobby"}]}';

const LINES = [
  '{"t":0,"client":"ann","dir":"line","event":"open"}',
  '{"t":1,"client":"ann","dir":"in","frame":{"type":"welcome","seq":0}}',
  '{"t":2,"client":"ann","dir":"out","frame":{"type":"message","id":"m1","text":"a recorded text"}}',
  '{"t":3,"client":"ann","dir":"in","frame":{"type":"ack","id":"m1","seq":1}}',
  '{"t":4,"client":"ann","dir":"line","event":"close","code":1000}',
];

/** Downloads the file of that button, as `name` in the folder, and returns its text. */
async function saveAs(page: Page, button: string, folder: ParleyFolder, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
  const path = join(folder.path, name);
  await download.saveAs(path);
  return readFileSync(path, "utf8");
}
