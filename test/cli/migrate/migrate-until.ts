// Begins `parley migrate` with the settings of the environment, and ends itself with kill -9 at a place: run by migrate.test.ts.
import { migrate } from "../../../src/cli/migrate/migrate.ts";
import { readSettings } from "../../../src/server/settings/read.ts";

const [, , to = "", phase, done] = process.argv;
const read = readSettings({ env: process.env });
if ("problems" in read) throw new Error(read.problems.join("\n"));
await migrate(
  read.settings,
  { to },
  {
    async confirm() {},
    show(progress) {
      if (progress.phase === phase && progress.done >= Number(done)) process.kill(process.pid, "SIGKILL");
    },
    end() {},
    saveIntervalMs: 0,
  },
);
