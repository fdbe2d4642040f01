import { readFileSync } from "node:fs";

/** How many files and connections this process may have open at a time; undefined if the system does not report it. */
export function openFilesLimit(): number | undefined {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    // Only Linux has the file.
    return undefined;
  }
}
