import { randomUUID } from "node:crypto";
import type { Log } from "../server/log.ts";

/** Exit codes of a process that a signal ended, as a shell reports it: 128 + the signal's number. */
export const INTERRUPTED = 130;
const TERMINATED = 143;

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
  process.on("SIGINT", () => onSignal("SIGINT", INTERRUPTED));
  process.on("SIGTERM", () => onSignal("SIGTERM", TERMINATED));
}

/**
 * Ends a command that runs for a while: the first SIGINT or SIGTERM calls `end` with the exit code to end with, the second
 * ends the process at once. Answers a function that stops listening.
 */
export function endOnSignal(end: (code: number) => void): () => void {
  let ending = false;
  const onSignal = (code: number) => () => {
    if (ending) process.exit(code);
    ending = true;
    end(code);
  };
  const [onInterrupt, onTerminate] = [onSignal(INTERRUPTED), onSignal(TERMINATED)];
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  return () => void process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
}

function report(log: Log, where: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error("fault", { id: randomUUID(), where, error: text });
}
