import { randomUUID } from "node:crypto";
import type { Log } from "../server/log.ts";

/** The last resort: Bun ends the process for one exception that nobody caught, and with it every connection. */
export function catchFaults(log: Log): void {
  process.on("uncaughtException", (error) => report(log, "uncaught exception", error));
  process.on("unhandledRejection", (error) => report(log, "unhandled rejection", error));
}

/** The first SIGINT or SIGTERM stops in order, and the process ends with 0; the second ends it at once. */
export function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: "SIGINT" | "SIGTERM", code: number) => {
    if (stopping) process.exit(code);
    stopping = true;
    log.info("server.stopping", { signal });
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        report(log, "stop", error);
        process.exit(1);
      },
    );
  };
  // 128 + the signal's number, as a shell reports a process that a signal ended.
  process.on("SIGINT", () => onSignal("SIGINT", 130));
  process.on("SIGTERM", () => onSignal("SIGTERM", 143));
}

function report(log: Log, where: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error("fault", { id: randomUUID(), where, error: text });
}
