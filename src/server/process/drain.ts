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

/** How long requests that had arrived may take to be answered before the farewell, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1_000;

/** How long peers have to answer the close, in milliseconds: one that does not is cut off with the server's end. */
const CLOSE_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 20;

/** Tells every client when to come back, spread so that they do not all return at once, and closes their sockets. */
export async function drain({ registry: directory, admission, drainSeconds }: DrainDeps): Promise<void> {
  // What arrived before is a batch of its own by the end of this turn.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const all = directory.all();
  const leaving = new Map(
    all.map((connection, index) => [connection, reconnectDelay(index, all.length, drainSeconds)]),
  );
  const answerDeadline = performance.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const isLate = performance.now() >= answerDeadline;
    for (const [connection, after] of leaving) {
      // Its acks go out before the farewell.
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
