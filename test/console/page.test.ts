import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { addToLog, MAX_LOG_ENTRIES, MAX_LOG_TEXT } from "../../src/console/frame-log.ts";
import { bytesInFrame, LONGEST_TEXT } from "../../src/console/view/composer.ts";
import { conversationProblem } from "../../src/console/view/place.ts";
import { duration, listNames } from "../../src/console/wording.ts";
import { isIdentifier } from "../../src/protocol/identifiers.ts";
import { MAX_FRAME_BYTES } from "../../src/protocol/limits.ts";

const FOLDER = fileURLToPath(new URL("../../src/console/", import.meta.url));

test("P1 index.html has no inline script and no inline style, and names its three files", async () => {
  const html = await Bun.file(`${FOLDER}index.html`).text();
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
  expect(html.match(/<script[^>]*>[^<]*/g)).toEqual(['<script type="module" src="/console/main.js">']);
  for (const path of ["/console/style.css", "/console/icon.svg"]) expect(html).toContain(`"${path}"`);
});

test("the bundle is small: the schemas of the wire are not in it", async () => {
  const build = await Bun.build({ entrypoints: [`${FOLDER}main.ts`], target: "browser", minify: true });
  const script = (await build.outputs[0]?.text()) ?? "";
  expect(script.length).toBeLessThan(60_000);
  expect(script).not.toContain("ZodError");
});

test("the page has no socket code of its own: the client library has it", async () => {
  for await (const name of new Bun.Glob("**/*.ts").scan(FOLDER)) {
    expect(await Bun.file(FOLDER + name).text(), name).not.toMatch(/WebSocket|EventSource/);
  }
});

test("P1 no part of the page makes markup of text or stores anything in the browser", async () => {
  for await (const name of new Bun.Glob("**/*.ts").scan(FOLDER)) {
    const source = await Bun.file(FOLDER + name).text();
    expect(source, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    expect(source, name).not.toMatch(/localStorage|sessionStorage|indexedDB|\.cookie/);
  }
});

test("B1 the frame log keeps the newest entries, and of a large frame its beginning", () => {
  let log = addToLog([], "received", JSON.stringify({ type: "message", text: "x".repeat(60_000) }), 0);
  expect(log[0]).toMatchObject({ type: "message", bytes: 60_028 });
  expect(log[0]!.text.length).toBeLessThan(MAX_LOG_TEXT + 20);
  for (let index = 0; index < MAX_LOG_ENTRIES; index++) log = addToLog(log, "sent", "{}", 0);
  expect(log).toHaveLength(MAX_LOG_ENTRIES);
  expect(log[0]?.number).toBe(2);
});

test("M1 the longest text the composer takes fits into a frame", () => {
  const text = "\n".repeat((LONGEST_TEXT - 2) / 2);
  expect(bytesInFrame(text)).toBe(LONGEST_TEXT);
  const frame = JSON.stringify({ type: "message", id: crypto.randomUUID(), text });
  expect(new TextEncoder().encode(frame).length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test("the page and the server agree on the names of conversations", () => {
  for (const name of ["lobby", "a.b:c@d-e_F9", "", "a b", "ü", "x".repeat(128), "x".repeat(129), "a/b"]) {
    expect(conversationProblem(name) === undefined, name).toBe(isIdentifier(name));
  }
});

test("names are listed as a person would, and a crowd as a number", () => {
  const names = ["ann", "ben", "cat", "dan"];
  expect([1, 2, 3, 4].map((length) => listNames(names.slice(0, length)))).toEqual([
    "ann",
    "ann and ben",
    "ann, ben and cat",
    "ann, ben and 2 others",
  ]);
});

test("a countdown never says less than is left", () => {
  expect([1, 1000, 59_001, 65_000, 3_725_000].map(duration)).toEqual([
    "1 s",
    "1 s",
    "1:00 min",
    "1:05 min",
    "1:02:05 h",
  ]);
});
