import { randomUUID } from "node:crypto";
import type { Emit, EventFields } from "../core/events/events.ts";

/** Exit codes of a process that a signal ended, as a shell reports it: 128 + the signal's number. */
export const EXIT_SIGINT = 130;
const EXIT_SIGTERM = 143;

/**
 * Signals within this time after the first are the same request to end, in milliseconds. One Ctrl+C, or one stop of a
 * service, reaches the runtime up to three times: from the terminal or the supervisor, which send it to every process,
 * from npm, and from `bin/parley.mjs`.
 */
export const SIGNAL_REPEAT_WINDOW_MS = 1000;

/** How long a server whose starter was killed may take to stop in order, in milliseconds. No other process would end it. */
const ORPHAN_STOP_TIMEOUT_MS = 5000;

export interface SignalOptions {
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** Waits until the last lines of the log are written, for a bounded time. */
  readonly flush?: () => Promise<void>;
  /** What SIGHUP does where no terminal is attached. */
  readonly onHangup?: () => void;
}

/** The last resort: Bun ends the process, and with it every connection, for one exception that was not caught. */
export function installCrashHandlers(emit: Emit): void {
  process.on("uncaughtException", (error) => logUncaught(emit, "uncaughtException", error));
  process.on("unhandledRejection", (error) => logUncaught(emit, "unhandledRejection", error));
}

/**
 * Ends this process with the one that started it, `bin/parley.mjs`, which holds a channel to it: also when that was
 * killed with SIGKILL and could pass no signal on. Without such a channel, nothing happens.
 */
export function exitWithParent(end: () => void): void {
  if (process.send === undefined) return;
  process.removeAllListeners("disconnect");
  process.on("disconnect", end);
  // Listening alone must not keep a command from ending.
  process.channel?.unref();
}

/**
 * The first SIGINT or SIGTERM stops in order, and the process ends with 0; one that comes a second or more later ends it
 * at once. SIGHUP stops too where a terminal is attached, which has gone away then; else it calls `onHangup`. A server
 * whose starter was killed stops as well.
 */
export function stopOnSignal(
  emit: Emit,
  stop: () => Promise<void>,
  { now = () => performance.now(), flush = async () => {}, onHangup = () => {} }: SignalOptions = {},
): void {
  let stoppingSince: number | undefined;
  const begin = (fields: EventFields<"server.stopping">) => {
    stoppingSince = now();
    emit("server.stopping", fields);
    stop()
      .then(
        () => 0,
        (error: unknown) => {
          logUncaught(emit, "stop", error);
          return 1;
        },
      )
      .then((code) => flush().finally(() => process.exit(code)));
  };
  const onSignal = (signal: "SIGINT" | "SIGTERM" | "SIGHUP", code: number) => {
    if (stoppingSince === undefined) begin({ signal });
    else if (now() - stoppingSince >= SIGNAL_REPEAT_WINDOW_MS) process.exit(code);
  };
  process.on("SIGINT", () => onSignal("SIGINT", EXIT_SIGINT));
  process.on("SIGTERM", () => onSignal("SIGTERM", EXIT_SIGTERM));
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  process.on("SIGHUP", () => {
    if (hasTerminal) return onSignal("SIGHUP", EXIT_SIGTERM);
    emit("server.hangup", {
      advice: "SIGHUP reads the certificate again. To stop the server, send SIGTERM.",
    });
    onHangup();
  });
  exitWithParent(() => {
    if (stoppingSince !== undefined) return;
    setTimeout(() => process.exit(1), ORPHAN_STOP_TIMEOUT_MS);
    begin({ reason: "The process that started the server has ended." });
  });
}

/**
 * Ends a command that runs for a while: the first SIGINT or SIGTERM calls `end` with the exit code to end with, one that
 * comes a second or more later ends the process at once. Returns a function that stops listening.
 */
export function exitOnSignal(end: (code: number) => void): () => void {
  let endingSince: number | undefined;
  const onSignal = (code: number) => () => {
    if (endingSince === undefined) {
      endingSince = performance.now();
      end(code);
    } else if (performance.now() - endingSince >= SIGNAL_REPEAT_WINDOW_MS) process.exit(code);
  };
  const [onInterrupt, onTerminate] = [onSignal(EXIT_SIGINT), onSignal(EXIT_SIGTERM)];
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  return () => void process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
}

function logUncaught(emit: Emit, where: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  emit("process.uncaught_error", { id: randomUUID(), origin: where, error: text });
}
