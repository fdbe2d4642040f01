// The port for tasks that one node does for all (src/core/ports/shared-tasks.ts) in executable form. An adapter's own test
// file opens it and calls this.
import { describe, expect, test } from "bun:test";
import { type RunOnOneNode, type TaskRun, taskPollMs } from "../../src/core/ports/shared-tasks.ts";
import type { RecordedLog } from "../support/server/recorded-log.ts";

/** The port on data of its own, made for one test. */
export interface OpenedTasks extends AsyncDisposable {
  readonly runOnOneNode: RunOnOneNode;
  readonly log: RecordedLog;
  /** Advances time for the node and its store, and waits until the polls that fell due are answered. */
  pass(milliseconds: number): Promise<void>;
}

/** In milliseconds. */
const INTERVAL_MS = 600_000;

/** A task whose runs a test ends one by one. */
export class ManualTask {
  readonly runs: TaskRun[] = [];
  private ends: PromiseWithResolvers<void>[] = [];

  readonly task = (run: TaskRun): Promise<void> => {
    this.runs.push(run);
    const end = Promise.withResolvers<void>();
    this.ends.push(end);
    // As a task must: it ends when its signal is aborted.
    run.signal.addEventListener("abort", () => end.resolve());
    return end.promise;
  };

  get underWay(): number {
    return this.ends.length;
  }

  succeed(): void {
    this.ends.shift()?.resolve();
  }

  fail(): void {
    this.ends.shift()?.reject(new Error("no room"));
  }
}

/** Every MUST of the port that one node can show. */
export function sharedTasksContract(name: string, open: () => Promise<OpenedTasks>): void {
  describe(`shared tasks contract: ${name}`, () => {
    test("a task runs once in an interval, counted from the end of the run before, and never twice at once", async () => {
      await using opened = await open();
      const manual = new ManualTask();
      opened.runOnOneNode("retention", INTERVAL_MS, manual.task);
      await opened.pass(taskPollMs(INTERVAL_MS));
      expect(manual.runs.map(({ generation }) => generation)).toEqual([1]);
      await opened.pass(2 * INTERVAL_MS);
      expect(manual.runs).toHaveLength(1);
      manual.succeed();
      await opened.pass(INTERVAL_MS - taskPollMs(INTERVAL_MS));
      expect(manual.runs).toHaveLength(1);
      await opened.pass(2 * taskPollMs(INTERVAL_MS));
      expect(manual.runs.map(({ generation }) => generation)).toEqual([1, 2]);
      expect(opened.log.entries).toEqual([]);
    });

    test("a run that fails is reported, and tried again with the next poll", async () => {
      await using opened = await open();
      const manual = new ManualTask();
      opened.runOnOneNode("retention", INTERVAL_MS, manual.task);
      await opened.pass(taskPollMs(INTERVAL_MS));
      manual.fail();
      await opened.pass(taskPollMs(INTERVAL_MS));
      expect(manual.runs).toHaveLength(2);
      expect(opened.log.entries).toEqual([
        { level: "warn", event: "task.failed", fields: { task: "retention", error: "Error: no room" } },
      ]);
    });

    test("stop aborts the run and resolves when it has ended; nothing runs after it", async () => {
      await using opened = await open();
      const manual = new ManualTask();
      const stop = opened.runOnOneNode("retention", INTERVAL_MS, manual.task);
      await opened.pass(taskPollMs(INTERVAL_MS));
      expect(manual.runs[0]?.signal.aborted).toBe(false);
      await stop();
      expect(manual.runs[0]?.signal.aborted).toBe(true);
      await opened.pass(3 * INTERVAL_MS);
      expect(manual.runs).toHaveLength(1);
      expect(opened.log.entries).toEqual([]);
    });
  });
}
