// Opens a store in which much is to be removed, and removes it until it is killed.
import { openSqlite } from "../../../../src/engine/sqlite/open.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";

const [, , dataDir, messages] = process.argv;
const retention = { messages: Number(messages), days: 0 };
await openSqlite({
  dataDir: dataDir!,
  clock: systemClock(),
  emit: new RecordedLog().emit,
  sync: "normal",
  retention,
});
process.stdout.write("open\n");
setInterval(() => {}, 1_000);
