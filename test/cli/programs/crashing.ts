// A server with uncaught errors, and with a stop that hangs: run by crash-handlers.test.ts.
import { installCrashHandlers, SIGNAL_REPEAT_WINDOW_MS, stopOnSignal } from "../../../src/cli/signals.ts";
import { EventBus } from "../../../src/core/events/event-bus.ts";
import { writeEventsTo } from "../../../src/server/log/event-log.ts";
import { openLog } from "../../../src/server/log/log.ts";

const log = openLog({ level: "info", format: "json" });
const events = new EventBus();
events.subscribe(writeEventsTo(log));
installCrashHandlers(events.emit);
// Each read of the clock is a second after the one before, or at the same moment.
const [, , clock, times] = process.argv;
let now = 0;
let signals = 0;
const stopped = Promise.withResolvers<void>();
stopOnSignal(events.emit, () => (clock === "later" ? new Promise(() => {}) : stopped.promise), {
  now: () => {
    now += clock === "later" ? SIGNAL_REPEAT_WINDOW_MS : 0;
    return now;
  },
});
process.on("SIGTERM", () => {
  if (++signals === Number(times)) stopped.resolve();
  else if (signals > 1) log.info("program.signalled");
});
setTimeout(() => {
  throw new Error("thrown in a timer");
});
setTimeout(() => void Promise.reject(new Error("rejected unseen")));
const alive = setInterval(() => {}, 60_000);
let faults = 0;
const seen = () => {
  if (++faults === 2) setTimeout(() => log.info("program.alive", { timers: alive.hasRef() }));
};
process.on("uncaughtException", seen).on("unhandledRejection", seen);
