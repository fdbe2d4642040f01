import type { Admission } from "../../core/access/admission.ts";
import { closeReason } from "../../core/session/close-reason.ts";
import { reconnectDelay } from "../../core/session/reconnect-delay.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";

export interface DrainDeps {
  readonly registry: ConnectionRegistry<Connection>;
  readonly admission: Admission;
  /** Over how long the clients' returns are spread. */
  readonly drainSeconds: number;
}

/** Grace for requests that had arrived before the close frame, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1_000;

/** How long peers have to reply to the close, in milliseconds: the server's end cuts off later ones. */
const CLOSE_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 20;

/**
 * Sends every client the time to reconnect, spread so that they do not all return at once, and closes their sockets.
 */
export async function drain({ registry, admission, drainSeconds }: DrainDeps): Promise<void> {
  // Frames that arrived before are in a batch of their own by the end of this turn.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const all = registry.all();
  const leaving = new Map(
    all.map((connection, index) => [connection, reconnectDelay(index, all.length, drainSeconds)]),
  );
  const answerDeadline = performance.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const isLate = performance.now() >= answerDeadline;
    for (const [connection, after] of leaving) {
      // Its acks are sent before the close frame.
      if (connection.isWaiting && !isLate) continue;
      leaving.delete(connection);
      connection.end(closeReason(1012, undefined, after));
    }
    if (leaving.size === 0) break;
    await Bun.sleep(POLL_INTERVAL_MS);
  }
  const deadline = performance.now() + CLOSE_TIMEOUT_MS;
  while (admission.openConnections > 0 && performance.now() < deadline) await Bun.sleep(POLL_INTERVAL_MS);
}
