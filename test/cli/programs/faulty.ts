// A server with faults that nobody caught, and with a stop that hangs: run by process-events.test.ts.
import { catchFaults, stopOnSignal } from "../../../src/cli/process-events.ts";
import { openLog } from "../../../src/server/log.ts";

const log = openLog({ level: "info", format: "json" });
catchFaults(log);
stopOnSignal(log, () => new Promise(() => {}));
setTimeout(() => {
  throw new Error("thrown in a timer");
});
setTimeout(() => void Promise.reject(new Error("rejected unseen")));
const alive = setInterval(() => {}, 60_000);
setTimeout(() => log.info("program.alive", { timers: alive.hasRef() }), 20);
