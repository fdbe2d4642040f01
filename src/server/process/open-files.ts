import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { connectionsWithin } from "../../core/access/admission.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Settings } from "../settings/settings.ts";

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

/** Returns the lowest free file descriptor; undefined if none is free. Takes some microseconds, however many are open. */
export function lowestFreeDescriptor(): number | undefined {
  return unlessExhausted(() => {
    // POSIX: open() returns the lowest descriptor that is not open.
    const lowest = openSync("/dev/null", "r");
    closeSync(lowest);
    return lowest;
  });
}

/** Returns the number of open file descriptors; undefined if none is free to count them. Takes a microsecond for each. */
export function countOpenFiles(): number | undefined {
  return unlessExhausted(() => readdirSync("/proc/self/fd").length);
}

function unlessExhausted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENFILE: the whole machine has none left.
    if (code === "EMFILE" || code === "ENFILE") return undefined;
    throw error;
  }
}

/** MAX_CONNECTIONS, or what the system's limit of open files leaves room for. */
export function boundedConnections({ maxConnections }: Pick<Settings, "maxConnections">, emit: Emit): number {
  const openFiles = openFilesLimit();
  if (openFiles === undefined) return maxConnections;
  const connections = connectionsWithin(openFiles, maxConnections);
  if (connections === maxConnections) return connections;
  // Without a limit of ours, the system's is no surprise unless it is small.
  if (maxConnections > 0)
    emit("limit.open_files", { open_files: openFiles, max_connections: maxConnections, connections });
  return connections;
}
