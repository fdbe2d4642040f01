import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { RuntimeThreads } from "../../src/server/runtime-threads.ts";

/** Threads of this process by name, with their priority; without those that end while they are looked at. */
function threads(): { name: string; nice: number }[] {
  return readdirSync("/proc/self/task").flatMap((thread) => {
    try {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim();
      return [{ name, nice: getPriority(Number(thread)) }];
    } catch {
      return [];
    }
  });
}

test.skipIf(process.platform !== "linux")(
  "threads that compile wait for the event loop, which keeps its place",
  () => {
    const own = getPriority(process.pid);
    new RuntimeThreads().calm();
    const compiling = threads().filter(({ name }) => name === "JITWorker");
    expect(compiling).not.toEqual([]);
    for (const { nice } of compiling) expect(nice).toBe(10);
    expect(getPriority(process.pid)).toBe(own);
    for (const { name, nice } of threads()) if (name === "HeapHelper") expect(nice).toBe(own);
  },
);
