import { randomUUID } from "node:crypto";
import type { Emit, EventFields } from "../core/events/events.ts";

/** Exit codes of a process that was ended by a signal, as shells report it: 128 + the signal's number. */
export const EXIT_SIGINT = 130;
const EXIT_SIGTERM = 143;

/**
 * Time after the first signal within which further ones count as the same request, in milliseconds. One Ctrl+C, or one stop
 * of a service, reaches this process up to three times: from the terminal or the supervisor, which signal every process,
 * from npm, and from `bin/parley.mjs`.
 */
export const SIGNAL_REPEAT_WINDOW_MS = 1000;

/** How long a server whose parent was killed may take to shut down, in milliseconds. No other process would end it. */
const ORPHAN_STOP_TIMEOUT_MS = 5000;

export interface SignalOptions {
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** Waits until the last log lines are written, for a limited time. */
  readonly flush?: () => Promise<void>;
  /** Called for SIGHUP if no terminal is attached. */
  readonly onHangup?: () => void;
}

/** Logs uncaught exceptions: by default Bun would end the process, and with it every connection. */
export function installCrashHandlers(emit: Emit): void {
  process.on("uncaughtException", (error) => logUncaught(emit, "uncaughtException", error));
  process.on("unhandledRejection", (error) => logUncaught(emit, "unhandledRejection", error));
}

/**
 * Ends this process together with its parent, `bin/parley.mjs`, which holds a channel to it: also when the parent was
 * killed with SIGKILL and could not forward a signal. Does nothing without a channel.
 */
export function exitWithParent(end: () => void): void {
  if (process.send === undefined) return;
  process.removeAllListeners("disconnect");
  process.on("disconnect", end);
  // The channel alone must not keep the process alive.
  process.channel?.unref();
}

/**
 * The first SIGINT or SIGTERM shuts down gracefully, and the process ends with 0; one that arrives a second or more later
 * ends it at once. SIGHUP also shuts down if a terminal is attached, because that was closed; otherwise it calls
 * `onHangup`. A server whose parent was killed shuts down as well.
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
 * Ends a long-running command: the first SIGINT or SIGTERM calls `end` with the exit code; one that arrives a second or
 * more later ends the process at once. Returns a function that removes the handlers.
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

function logUncaught(emit: Emit, origin: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  emit("process.uncaught_error", { id: randomUUID(), origin, error: text });
}
