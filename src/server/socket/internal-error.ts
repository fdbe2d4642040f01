import type { Emit } from "../../core/events/events.ts";
import { closeReason } from "../../core/session/close-reason.ts";
import type { Connection } from "./connection.ts";

/**
 * Ends a connection whose handler threw an error; no other connection is affected (RT-2). The log gets the error. The client
 * gets only the id of the log entry (M5).
 */
export function closeWithInternalError(emit: Emit, connection: Connection, error: unknown): void {
  const id = crypto.randomUUID();
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  emit("connection.failed", { ...connection.logFields(), id, error: stack });
  try {
    const message = `An unexpected error happened; its id is ${id}.`;
    connection.end(closeReason(1011, { code: "internal", message }));
  } catch {
    connection.terminate();
  }
}
