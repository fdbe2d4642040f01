import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as library from "../../src/client/index.ts";
import { ROOT } from "../docs/pages.ts";

/**
 * Bytes, minified and compressed. Changes of messages took 0.6 KiB of the core (three methods, the outbox, the order of changes; the
 * limit was 9.9 KiB), and 1.6 KiB of `watchMessages` (reactions, what is shown before an ack, reading again; all was 15.3 KiB); later
 * repairs of `startStream` took 0.2 KiB of all. The words of an operator's approval in errors took 0.05 KiB of the core, and refusals that name no conversation 0.2 KiB (its limit was 10.6
 * KiB): names are checked, and a refused `open` is sent again by halves. To send again what a `closed` left unanswered took 8 bytes too
 * many (its limit was 10.75 KiB, and that of all 17.8 KiB). Loops over `watchInbox` that end with the line took 40 bytes (all was 17.9 KiB).
 * Decision 21 has the ways to make it smaller that were measured.
 */
const MAX_CORE = 10.8 * 1024;
const MAX_ALL = 18 * 1024;

const folder = mkdtempSync(join(tmpdir(), "parley-size-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bundles a page that imports `names`, as a bundler does; returns the code and its size. */
async function bundleOf(names: readonly string[]) {
  const entry = join(folder, `${names.join("-")}.ts`);
  writeFileSync(
    entry,
    `export { ${names.join(", ")} } from ${JSON.stringify(join(ROOT, "src/client/index.ts"))};`,
  );
  const built = await Bun.build({ entrypoints: [entry], target: "browser", format: "esm", minify: true });
  const code = await built.outputs[0]!.text();
  return { code, size: Bun.gzipSync(code, { level: 9 }).length };
}

/** A text that only the code of one function has. */
const MARKS: Readonly<Record<string, string>> = {
  watchMessages: "loadAround",
  watchPresence: "presence_count",
  watchInbox: "unread_conversations",
  watchMembers: "unban",
  startStream: "stream_end",
  browserStorage: "ifAvailable",
};

test("the library has a bounded size, and imports nothing", async () => {
  const core = await bundleOf(["connect", "ParleyError"]);
  const all = await bundleOf(Object.keys(library));
  console.log(`core ${core.size} bytes, all ${all.size} bytes`);
  expect(core.size).toBeLessThanOrEqual(MAX_CORE);
  expect(all.size).toBeLessThanOrEqual(MAX_ALL);
  expect(all.code).not.toMatch(/\bimport\b|\brequire\(/);
});

test("what is not imported is not in a bundle", async () => {
  expect(Object.keys(library).sort()).toEqual(["ParleyError", "connect", ...Object.keys(MARKS)].sort());
  for (const name of Object.keys(library)) {
    const { code, size } = await bundleOf([name]);
    console.log(`${name} ${size} bytes`);
    const marked = Object.keys(MARKS).filter((other) => code.includes(MARKS[other]!));
    expect(marked).toEqual(name in MARKS ? [name] : []);
    // The functions that keep a list come with the application's `connect`, and not with a copy of it.
    if (name in MARKS) expect(code).not.toContain("bearer.");
  }
});
