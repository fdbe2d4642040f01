import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { conversationProblem } from "../../src/console/conversation-name.ts";
import { formatDuration, listNames } from "../../src/console/format.ts";
import { bytesInFrame, MAX_TEXT_BYTES } from "../../src/console/view/conversation/composer.tsx";
import { isIdentifier } from "../../src/protocol/identifiers.ts";
import { MAX_FRAME_BYTES } from "../../src/protocol/limits.ts";
import { bundle } from "../../src/server/console-files.ts";

const FOLDER = fileURLToPath(new URL("../../src/console/", import.meta.url));

test("SEC-P1 index.html has no inline script and no inline style, and names its three files", async () => {
  const html = await Bun.file(`${FOLDER}index.html`).text();
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
  expect(html.match(/<script[^>]*>[^<]*/g)).toEqual(['<script type="module" src="console/main.js">']);
  for (const path of ["console/style.css", "console/icon.svg"]) expect(html).toContain(`"${path}"`);
});

test("the page loads at most 84 KB of compressed JavaScript at its start, without the schemas of the wire", async () => {
  const parts = await bundle(`${FOLDER}main.tsx`);
  const loaded = new Set(["main.js"]);
  // Modules imported on demand (`import(…)`) are not among them.
  for (const name of loaded)
    for (const [, other] of parts.get(name)!.matchAll(/(?:from|import) ?"\.\/([^"]+)"/g)) loaded.add(other!);
  const sizes = [...loaded].map((name) => Bun.gzipSync(new TextEncoder().encode(parts.get(name)!)).length);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(84 * 1000);
  const later = [...parts.keys()].filter((name) => !loaded.has(name));
  expect(later.filter((name) => parts.get(name)!.includes("u-cursor"))).toHaveLength(1);
  for (const script of parts.values()) expect(script).not.toContain("ZodError");
});

test("the page uses a socket in one place only: the tap of the client library", async () => {
  for await (const name of new Bun.Glob("**/*.{ts,tsx}").scan(FOLDER)) {
    if (name === "wire/websocket-tap.ts") continue;
    // The console's own connection gets the class of its socket, the tap, as an option: `new WebSocket!(…)`.
    expect(await Bun.file(FOLDER + name).text(), name).not.toMatch(
      /new WebSocket\(|extends WebSocket|EventSource/,
    );
  }
});

test("SEC-P1 the page makes no markup of text, and stores only saved messages, a flag and the names of its users in the browser", async () => {
  for await (const name of new Bun.Glob("**/*.{ts,tsx}").scan(FOLDER)) {
    const source = await Bun.file(FOLDER + name).text();
    expect(source, name).not.toMatch(
      /innerHTML|dangerouslySet|outerHTML|insertAdjacentHTML|document\.write|eval\(/,
    );
    if (name !== "local-storage.ts")
      expect(source, name).not.toMatch(/localStorage|sessionStorage|indexedDB|\.cookie/);
    if (!["local-storage.ts", "panel/send/saved-list.tsx", "main.tsx"].includes(name))
      expect(source, name).not.toMatch(/browserStore|tabStore/);
  }
});

test("M1 the longest text the composer takes fits into a frame", () => {
  const text = "\n".repeat((MAX_TEXT_BYTES - 2) / 2);
  expect(bytesInFrame(text)).toBe(MAX_TEXT_BYTES);
  const frame = JSON.stringify({ type: "message", id: crypto.randomUUID(), text });
  expect(new TextEncoder().encode(frame).length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test("the page and the server agree on the names of conversations", () => {
  for (const name of ["lobby", "a.b:c@d-e_F9", "", "a b", "ü", "x".repeat(128), "x".repeat(129), "a/b"]) {
    expect(conversationProblem(name) === undefined, name).toBe(isIdentifier(name));
  }
});

test("names are listed in words, and a crowd as a number", () => {
  const names = ["ann", "ben", "cat", "dan"];
  expect([1, 2, 3, 4].map((length) => listNames(names.slice(0, length)))).toEqual([
    "ann",
    "ann and ben",
    "ann, ben and cat",
    "ann, ben and 2 others",
  ]);
});

test("a countdown never shows less than the rest", () => {
  expect([1, 1000, 59_001, 65_000, 3_725_000].map(formatDuration)).toEqual([
    "1 s",
    "1 s",
    "1:00 min",
    "1:05 min",
    "1:02:05 h",
  ]);
});
