import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { ThreadPriorities } from "../../../src/server/process/thread-priority.ts";

/** The priority of each thread of this process called `name`; without those that end meanwhile. */
function priorities(name: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const thread of readdirSync("/proc/self/task")) {
    try {
      if (readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim() === name)
        found.set(thread, getPriority(Number(thread)));
    } catch {}
  }
  return found;
}

test.skipIf(process.platform !== "linux")(
  "compiler threads have a lower priority; the event loop and the garbage collector keep theirs",
  () => {
    const own = getPriority(process.pid);
    // They exist once something was compiled: this loop, when no other test of this process was before.
    for (let sum = 0; priorities("JITWorker").size === 0 && sum < 1e9; ) for (let i = 0; i < 1e5; i++) sum++;
    const collecting = priorities("HeapHelper");
    new ThreadPriorities().lowerPriority();
    const compiling = [...priorities("JITWorker").values()];
    expect(compiling).not.toEqual([]);
    expect(compiling.every((nice) => nice === 10)).toBe(true);
    expect(getPriority(process.pid)).toBe(own);
    for (const [thread, nice] of priorities("HeapHelper")) expect(nice).toBe(collecting.get(thread) ?? nice);
  },
);
