// A process that is killed while it merges leaves an index in which everything that it had taken in is found.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { BlockStore } from "../../../../../src/engine/sqlite/index/runs/block-store.ts";
import { Compactor } from "../../../../../src/engine/sqlite/index/runs/compaction.ts";
import { RunReader } from "../../../../../src/engine/sqlite/index/runs/run-reader.ts";
import { type Run, readRuns } from "../../../../../src/engine/sqlite/index/runs/run-table.ts";
import { openIndex } from "../../../../../src/engine/sqlite/schema.ts";
import { isLong, Random, seeds } from "../../../../support/random.ts";
import { StoreFolder } from "../../store-folder.ts";
import { entryAt } from "./test-entries.ts";

const PROGRAM = join(import.meta.dir, "../../programs/compaction.ts");

const KILLS = isLong ? 6 : 4;

/**
 * Runs the program, kills it shortly after it reported `commits` commits, and returns the last position it reported.
 */
async function runAndKill(file: string, conversations: number, commits: number): Promise<number> {
  const command = [process.execPath, "--no-env-file", PROGRAM, file, String(conversations)];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  let output = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += part;
    if (output.split("\n").length > commits) child.kill(9);
  }
  expect(await child.exited).not.toBe(0);
  return Number(output.split("\n").at(-2));
}

/** Finds messages up to `last` by name and by number, one in `every`. */
function expectFound(reader: RunReader, conversations: number, last: number, every: number): void {
  const wrong: number[] = [];
  for (let position = 1; position <= last; position += every) {
    const { key, conversation, seq } = entryAt(position, conversations);
    const named = [...reader.withKey(key)];
    const numbered = reader.range(conversation, seq, seq);
    if (named.length !== 1 || named[0] !== position) wrong.push(position);
    if (numbered.length !== 1 || numbered[0]!.position !== position) wrong.push(position);
  }
  expect(wrong).toEqual([]);
}

for (const seed of seeds(1)) {
  test(`D3 after a kill in the middle of a merge, every indexed message is found once (seed ${seed})`, async () => {
    const random = new Random(seed);
    const conversations = 97;
    await using folder = new StoreFolder();
    const states: Run["state"][] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const reported = await runAndKill(folder.indexFile, conversations, random.between(1, 30));
      using index = openIndex(folder.indexFile);
      const runs = readRuns(index);
      states.push(...runs.map(({ state }) => state));
      const last = Math.max(...runs.map((run) => run.last));
      expect(last).toBeGreaterThanOrEqual(reported);
      const reader = new RunReader(index);
      expectFound(reader, conversations, last, 41);
      // Every other time the next run continues in the middle.
      if (kill % 2 === 1) {
        const pieces = new BlockStore(index);
        const merger = new Compactor(index, pieces);
        merger.work(Number.POSITIVE_INFINITY);
        const whole = readRuns(index);
        expect(whole.map(({ state }) => state)).toEqual(whole.map(() => "whole"));
        expect(whole.reduce((sum, { entries }) => sum + entries, 0)).toBe(last);
        expectFound(reader, conversations, last, 43);
        for (const part of [merger, pieces]) part.close();
      }
      reader.close();
    }
    // It was in the middle of something when it was killed, or nothing is shown.
    expect(states.filter((state) => state !== "whole").length).toBeGreaterThan(0);
  });
}
