import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, watchMessages, watchPresence } from "../../src/client/index.ts";
import { becomes } from "../support/clients/library.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { blocksOf, ROOT, readPage } from "./pages.ts";

test("the assistant in docs/AGENTS.md answers by a stream, as printed", async () => {
  await using server = await startTestServer();
  const folder = mkdtempSync(join(tmpdir(), "parley-example-"));
  const block = blocksOf(readPage("docs/AGENTS.md")).find(({ words }) => words[0] === "js");
  writeFileSync(
    join(folder, "example.mjs"),
    block!.text.replace("parley-client", join(ROOT, "src/client/index.ts")),
  );
  const child = Bun.spawn([process.execPath, "--no-env-file", "example.mjs"], {
    cwd: folder,
    env: { ...process.env, PARLEY: server.url, TOKEN: await server.token("assistant") },
    stderr: "inherit",
  });
  const parley = connect({ url: server.url, token: await server.token("ann") });
  const support = parley.conversation("support");
  const list = watchMessages(support);
  list.subscribe(() => {});
  const presence = watchPresence(support);
  await becomes(presence, ({ present }) => present.some(({ user }) => user === "assistant"));
  const { seq } = await support.send("why?");
  await waitUntil("it has answered", () => list.getSnapshot().entries.at(-1)?.from === "assistant");
  await waitUntil("it is stored", () => list.getSnapshot().entries.at(-1)?.state === "stored");
  expect(list.getSnapshot().entries.at(-1)).toMatchObject({
    text: "You asked: why?",
    reply_to: seq,
    stream: { state: "done" },
  });
  child.kill();
  await parley.close();
  rmSync(folder, { recursive: true });
});
