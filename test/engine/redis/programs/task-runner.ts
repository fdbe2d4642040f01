// A node that begins a task and does not end it, for a test that kills it: run by shared-tasks.test.ts.
import { redisTasks } from "../../../../src/engine/redis/shared-tasks.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { connectTo } from "../support/real-redis.ts";

const [, , url = "", prefix = ""] = process.argv;
const client = await connectTo(url, prefix);
const clock = new ManualClock();
redisTasks({ client, clock, emit: new RecordedLog().emit })("retention", 1_000, async ({ generation }) => {
  console.log(`running ${generation}`);
  await new Promise(() => {});
});
clock.advance(1_000);
setInterval(() => {}, 60_000);
