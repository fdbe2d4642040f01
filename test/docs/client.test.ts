import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestServer } from "../support/server.ts";
import { blocksOf, ROOT, readPage } from "./pages.ts";

test("the example in docs/CLIENT.md runs as it stands", async () => {
  await using server = await startTestServer();
  const folder = mkdtempSync(join(tmpdir(), "parley-example-"));
  const program = blocksOf(readPage("docs/CLIENT.md"))
    .find(({ words }) => words[0] === "js")!
    .text.replace("parley/client", join(ROOT, "src/client/connect.ts"));
  writeFileSync(join(folder, "example.ts"), program);
  const child = Bun.spawn([process.execPath, "--no-env-file", "example.ts"], {
    cwd: folder,
    env: { ...process.env, PARLEY: server.url, TOKEN: await server.token("ann") },
  });
  expect((await new Response(child.stdout).text()).trim().split("\n")).toEqual([
    "shown at once true",
    "status live",
    "ann hello",
    "stored as 1 of 1",
    "status closed",
  ]);
  rmSync(folder, { recursive: true });
});
