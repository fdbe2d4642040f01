// What the feed costs on SQLite: processor time of a post without a reader and with one, and how fast events are read.
//
//   bun bench/standalone/feed.ts
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import { OLDEST_POSITION } from "../../src/core/ports/feed/feed.ts";
import { openSqlite } from "../../src/engine/sqlite/open.ts";
import { readEvents } from "../../src/server/feed/event-reader.ts";
import { systemClock } from "../../src/server/process/system-clock.ts";

const BATCHES = 400;
/** Messages of one turn of the event loop. */
const BATCH = 50;
const CONVERSATIONS = 20;

const folder = mkdtempSync(join(tmpdir(), "parley-feed-"));
const store = await openSqlite({ dataDir: folder, clock: systemClock(), emit: () => {}, sync: "normal" });
const { engine, feed, members } = store;
const body = encodeMessageBody("x".repeat(200));
let id = 0;

/** Stores BATCHES × BATCH messages; returns microseconds of processor time for each. */
async function post(): Promise<number> {
  const before = process.cpuUsage();
  for (let batch = 0; batch < BATCHES; batch++)
    await Promise.all(
      Array.from(
        { length: BATCH },
        (_, i) =>
          new Promise((done) =>
            engine.post(
              {
                conversation: `c${i % CONVERSATIONS}`,
                user: `u${i}`,
                id: `${++id}`,
                limit: 0,
                kind: "message",
                body,
              },
              done,
            ),
          ),
      ),
    );
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (BATCHES * BATCH);
}

/** Reads all events after a position with their texts; returns events a second, and the position at the end. */
async function read(after: string): Promise<{ rate: number; position: string }> {
  const began = performance.now();
  let count = 0;
  let position = after;
  for (let more = true; more; ) {
    const page = (await readEvents({ feed, engine, members }, position, {}, 1_000))!;
    count += page.events.length;
    ({ position, more } = page);
  }
  return { rate: (count / (performance.now() - began)) * 1_000, position };
}

await post();
const without = await post();
let { position } = await read(OLDEST_POSITION);
let isReading = false;
const stop = feed.watch(() => {
  if (isReading) return;
  isReading = true;
  read(position).then((end) => {
    ({ position } = end);
    isReading = false;
  });
});
const followed = await post();
stop();
const again = await post();
const { rate } = await read(OLDEST_POSITION);
console.log(`a post without a reader     ${without.toFixed(1)} µs, again ${again.toFixed(1)} µs`);
console.log(`a post with one that follows ${followed.toFixed(1)} µs, the reading included`);
console.log(`reading with texts          ${Math.round(rate)} events/s`);
await store.close();
rmSync(folder, { recursive: true });
