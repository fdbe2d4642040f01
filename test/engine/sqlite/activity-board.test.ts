import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SharedActivity } from "../../../src/core/activity/node-activity.ts";
import { SHARE_INTERVAL_MS } from "../../../src/core/ports/nodes/activity-board.ts";
import { fileBoard, readActivityFile } from "../../../src/engine/sqlite/folder/activity-files.ts";
import { ACTIVITY_FILE, WATCHED_FILE } from "../../../src/engine/sqlite/folder/file-names.ts";
import { activityBoardContract } from "../../contracts/nodes/activity-board.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

async function open() {
  const folder = mkdtempSync(join(tmpdir(), "parley-board-"));
  const clock = new ManualClock();
  const long = new Date(Date.now() - 3_600_000);
  return {
    ...{ folder, clock, board: fileBoard(folder, clock) },
    watch: async () => [(await readActivityFile(folder)) ?? []].flat(),
    forgetWatcher: async () => utimesSync(join(folder, WATCHED_FILE), long, long),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

activityBoardContract("sqlite", open);

test("OP1 SEC-P4 what is shared is for the owner of the folder, and is removed when nobody watches", async () => {
  await using opened = await open();
  const { folder, board, clock, watch } = opened;
  const stop = board.serve({ watch() {}, read: () => ({ url: "here" }) as SharedActivity });
  await watch();
  const pass = (what: string, isDone: () => boolean) =>
    waitUntil(what, () => {
      clock.advance(SHARE_INTERVAL_MS);
      return isDone();
    });
  await pass("the numbers are shared", () => existsSync(join(folder, ACTIVITY_FILE)));
  for (const name of [ACTIVITY_FILE, WATCHED_FILE])
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  const long = new Date(Date.now() - 3_600_000);
  utimesSync(join(folder, ACTIVITY_FILE), long, long);
  await opened.forgetWatcher();
  const files = [ACTIVITY_FILE, WATCHED_FILE].map((name) => join(folder, name));
  await pass("the files are gone", () => !files.some((file) => existsSync(file)));
  stop();
});
