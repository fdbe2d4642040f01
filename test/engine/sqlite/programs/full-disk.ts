// Runs with a limit on the size of its files: fills the store until a batch no longer fits, and reports the results.
import type { PostResult } from "../../../../src/core/ports/message-log.ts";
import { openSqlite } from "../../../../src/engine/sqlite/open.ts";
import type { Quota } from "../../../../src/protocol/server-frames.ts";
import { messageContent } from "../../../support/entries.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

export interface FullDiskReport {
  /** Messages stored before the disk was full. */
  readonly filled: number;
  /** Messages stored at the end. */
  readonly added: number;
  /** The outcomes of the batch that did not fit. */
  readonly refused: readonly string[];
  readonly announcedOfRefused: number;
  readonly readyAfterRefusal: boolean;
  readonly quotaAfterRefusal: Quota;
  /** The outcome of a small message afterwards. */
  readonly next: Extract<PostResult, { seq: number }>;
  readonly readyAtTheEnd: boolean;
  readonly errors: readonly string[];
  /** The texts of all errors, each once. */
  readonly texts: readonly string[];
}

const LIMIT = 100_000;
const BATCH = 10;
const LONG = "x".repeat(20_000);

const log = new RecordedLog();
const clock = new ManualClock();
const dataDir = process.argv[2]!;
// A clock that does not advance until all messages are written: no housekeeping before.
const { engine, close } = await openSqlite({
  dataDir,
  clock,
  emit: log.emit,
  sync: "normal",
});
let announced = 0;
await engine.subscribe("room", () => announced++);

function post(id: string, text: string): Promise<PostResult> {
  return new Promise((resolve) =>
    engine.post({ conversation: "room", user: "anna", id, ...messageContent(text), limit: LIMIT }, resolve),
  );
}

let filled = 0;
let refused: PostResult[] = [];
for (let batch = 0; refused.length === 0; batch++) {
  const results = await Promise.all(Array.from({ length: BATCH }, (_, i) => post(`${batch}.${i}`, LONG)));
  if (results.every(({ outcome }) => outcome === "stored")) filled += BATCH;
  else refused = results;
}
// Nothing is lost of the room that was left: one short message fits where ten long ones did not.
const again = await Promise.all(Array.from({ length: BATCH }, (_, i) => post(`refused ${i}`, LONG)));
refused.push(...again);
const readyAfterRefusal = engine.ready();
const quotaAfterRefusal = (await engine.quota("anna", LIMIT))!;
const announcedOfRefused = announced - filled;
const next = (await post("short", "")) as FullDiskReport["next"];
const readyAtTheEnd = engine.ready();
let added = 0;
// Until nothing fits any more; then the housekeeping writes, too.
for (let size = 4_000; size > 0; size = Math.floor(size / 2))
  while ((await post(crypto.randomUUID(), "x".repeat(size))).outcome === "stored") added++;
for (let i = 0; i < 40; i++) {
  clock.advance(500);
  await Bun.sleep(0);
}
const report: FullDiskReport = {
  filled,
  added,
  refused: refused.map(({ outcome }) => outcome),
  announcedOfRefused,
  readyAfterRefusal,
  quotaAfterRefusal,
  next,
  readyAtTheEnd,
  errors: log.entries.filter(({ level }) => level === "error").map(({ event }) => event),
  texts: [
    ...new Set(
      log.entries.flatMap(({ fields }) => (fields?.error === undefined ? [] : [String(fields.error)])),
    ),
  ],
};
await close();
process.stdout.write(JSON.stringify(report));
