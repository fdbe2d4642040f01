// Fills a store through the engine, as messages would have: `bun fill.ts <data folder> <FillJob as JSON>`. The growth
// measurements run it before a server is started on the folder.

import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import { openSqlite } from "../../src/engine/sqlite/open.ts";
import { systemClock } from "../../src/server/process/system-clock.ts";

export interface FillJob {
  /** Users who have used up their hourly quota, each in a conversation of their own. */
  readonly fullUsers: number;
  /** Stored messages in all; those that no full user has sent are spread over others' conversations. */
  readonly messages: number;
}

/** Requests an hour of a full user, the free plan's. */
export const FULL_PLAN_REQUESTS = 100;

/** Conversations with messages of other users. */
const CONVERSATIONS = 1000;

/** Posts under way at a time: the size of one batch of the engine. */
const BATCH_SIZE = 2000;

const TEXT = "a text of as many letters as the traffic has in its messages ok.";

if (import.meta.main) {
  const [dataDir = "", job = "{}"] = process.argv.slice(2);
  await fill(dataDir, JSON.parse(job));
}

async function fill(dataDir: string, { fullUsers, messages }: FillJob): Promise<void> {
  const store = await openSqlite({
    dataDir,
    clock: systemClock(),
    emit: () => {},
    sync: "normal",
  });
  for (let first = 0; first < messages; first += BATCH_SIZE) {
    const batch = Promise.withResolvers<void>();
    const last = Math.min(first + BATCH_SIZE, messages);
    let left = last - first;
    for (let i = first; i < last; i++) {
      const full = i < fullUsers * FULL_PLAN_REQUESTS;
      const name = full ? `full-${Math.floor(i / FULL_PLAN_REQUESTS)}` : `past-${i % CONVERSATIONS}`;
      const request = {
        conversation: name,
        user: name,
        id: `fill-${i}`,
        kind: "message" as const,
        body: encodeMessageBody(TEXT),
        limit: full ? FULL_PLAN_REQUESTS : 0,
      };
      store.engine.post(request, ({ outcome }) => {
        if (outcome !== "stored") batch.reject(new Error(`message ${i} got the result ${outcome}`));
        if (--left === 0) batch.resolve();
      });
    }
    await batch.promise;
  }
  await store.close();
}
