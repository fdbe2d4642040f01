import { localTasks } from "../../../src/engine/local/shared-tasks.ts";
import { sharedTasksContract } from "../../contracts/shared-tasks.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

sharedTasksContract("a node that is the only one", async () => {
  const clock = new ManualClock();
  const log = new RecordedLog();
  return {
    runOnOneNode: localTasks(clock, log.emit),
    log,
    async pass(milliseconds) {
      await Bun.sleep(0);
      clock.advance(milliseconds);
      await Bun.sleep(0);
    },
    async [Symbol.asyncDispose]() {},
  };
});
