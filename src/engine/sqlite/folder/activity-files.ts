// How a command reads what the server on a data folder does at the moment: it touches one file, and the server writes the other one
// while that is new. Both are removed when nobody watches any more.
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeShared, encodeShared, type SharedActivity } from "../../../core/activity/node-activity.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  type ActivityBoard,
  type ActivitySource,
  SHARE_INTERVAL_MS,
  SHARED_MAX_AGE_MS,
  WATCH_MS,
} from "../../../core/ports/nodes/activity-board.ts";
import { everyOneAtATime } from "../../one-at-a-time.ts";
import { ACTIVITY_FILE, WATCHED_FILE } from "./file-names.ts";

/** The board of the only server on a folder: there are no other nodes, and commands watch by the files. */
export function fileBoard(dataDir: string, clock: Clock): ActivityBoard {
  return {
    ...{ node: undefined, lag: undefined },
    others: async () => [],
    serve(source) {
      let isShared = false;
      // On a full disk, or without its folder, it fails: the log has that from others, and the next try is a second away.
      const stop = everyOneAtATime(clock, SHARE_INTERVAL_MS, async () => {
        const isWatched = await shareOnce(dataDir, source);
        if (isShared && !isWatched) await removeFiles(dataDir);
        isShared = isWatched;
      });
      return () => {
        stop();
        if (isShared) void removeFiles(dataDir).catch(() => {});
      };
    },
  };
}

/** Has the server on the folder share its numbers, and returns them; undefined where it has shared none in the last seconds. */
export async function readActivityFile(dataDir: string): Promise<SharedActivity | undefined> {
  const now = new Date();
  const watched = join(dataDir, WATCHED_FILE);
  await utimes(watched, now, now).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    await writeFile(watched, "", { mode: 0o600 });
  });
  const file = join(dataDir, ACTIVITY_FILE);
  try {
    const { mtimeMs } = await stat(file);
    if (Math.abs(now.getTime() - mtimeMs) > SHARED_MAX_AGE_MS) return undefined;
    return decodeShared(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Returns whether somebody watches. */
async function shareOnce(dataDir: string, source: ActivitySource): Promise<boolean> {
  const touched = await stat(join(dataDir, WATCHED_FILE)).catch(() => undefined);
  if (touched === undefined || Math.abs(Date.now() - touched.mtimeMs) > WATCH_MS) return false;
  source.watch();
  const activity = source.read();
  if (activity === undefined) return true;
  const file = join(dataDir, ACTIVITY_FILE);
  await writeFile(`${file}.new`, encodeShared(activity), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return true;
}

async function removeFiles(dataDir: string): Promise<void> {
  for (const name of [ACTIVITY_FILE, WATCHED_FILE]) await rm(join(dataDir, name), { force: true });
}
