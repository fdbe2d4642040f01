import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeTemporaryFolder } from "./memory-folder.ts";

test("the folder of a run is writable for all users, and programs in it can be started", () => {
  const folder = makeTemporaryFolder();
  try {
    expect(statSync(folder).mode & 0o7777).toBe(0o1777);
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\nexit 7\n", { mode: 0o755 });
    expect(Bun.spawnSync([program]).exitCode).toBe(7);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without memory for it, it is on the disk", () => {
  const folder = makeTemporaryFolder("/there/is/no/such/folder");
  rmSync(folder, { recursive: true });
  expect(dirname(folder)).toBe(tmpdir());
});

test("what runs left over that were killed is removed, and what others use is kept", () => {
  const memory = mkdtempSync(join(tmpdir(), "parley-memory-"));
  const [old, young, foreign] = ["parley-run-old", "parley-run-young", "foreign"].map((name) =>
    join(memory, name),
  );
  for (const folder of [old!, young!, foreign!]) mkdirSync(folder);
  for (const folder of [old!, foreign!]) utimesSync(folder, 0, 0);
  rmSync(makeTemporaryFolder(memory), { recursive: true });
  expect([old!, young!, foreign!].map(existsSync)).toEqual([false, true, true]);
  rmSync(memory, { recursive: true });
});
