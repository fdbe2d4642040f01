// Ingests messages into an index file for ever, and merges its runs a slice at a time; prints the last indexed position
// after each commit. Continues where the killed process before it stopped.

import { BlockStore } from "../../../../src/engine/sqlite/index/runs/block-store.ts";
import { Compactor } from "../../../../src/engine/sqlite/index/runs/compaction.ts";
import { ingest } from "../../../../src/engine/sqlite/index/runs/ingest.ts";
import { readRuns } from "../../../../src/engine/sqlite/index/runs/run-table.ts";
import { openIndex } from "../../../../src/engine/sqlite/schema.ts";
import { encodeEntries, entryAt } from "../index/runs/test-entries.ts";

const [file = "", conversations = ""] = process.argv.slice(2);
const COUNT = 2_500;
const index = openIndex(file);
const pieces = new BlockStore(index);
// Small slices, so that most kills come in the middle of a merge.
const merger = new Compactor(index, pieces, 2_000);
for (;;) {
  const last = Math.max(0, ...readRuns(index).map((run) => run.last));
  const messages = Array.from({ length: COUNT }, (_, i) => entryAt(last + 1 + i, Number(conversations)));
  index.transaction(() => ingest(index, pieces, encodeEntries(messages), () => {})).immediate();
  process.stdout.write(`${last + COUNT}\n`);
  for (let i = 0; i < 3; i++) merger.work(1);
}
