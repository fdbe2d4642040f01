// Like the command line next to a server: opens the accounts of a folder, adds some, and closes them, again and again.
import { openAccounts } from "../../../../src/engine/sqlite/open.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { accountOf } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

const [dataDir = "", name = "", count = ""] = process.argv.slice(2);
for (let i = 0; i < Number(count); i++) {
  const { accounts, close } = openAccounts({
    dataDir,
    clock: new ManualClock(),
    emit: new RecordedLog().emit,
    sync: "normal",
  });
  await accounts.add(accountOf(`${name}${i}`));
  await accounts.update(`${name}${i}`, { plan: "premium" });
  close();
}
