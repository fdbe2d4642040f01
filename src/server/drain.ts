import type { Admission } from "../core/admission.ts";
import { endingFor } from "../core/closing.ts";
import { returnAfter } from "../core/return.ts";
import type { Connection } from "./socket/connection.ts";
import type { Directory } from "./socket/directory.ts";

export interface DrainParts {
  readonly directory: Directory<Connection>;
  readonly admission: Admission;
  /** Over how long the clients' returns are spread. */
  readonly drainSeconds: number;
}

/** How long requests that had arrived may take to be answered before the farewell, in milliseconds. */
const ANSWER_PATIENCE = 1_000;

/** How long peers have to answer the close, in milliseconds: one that does not is cut off with the server's end. */
const CLOSE_PATIENCE = 1_000;
const LOOK = 20;

/** Tells every client when to come back, spread so that they do not all return at once, and closes their sockets. */
export async function drain({ directory, admission, drainSeconds }: DrainParts): Promise<void> {
  // What arrived before is a batch of its own by the end of this turn.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const all = directory.all();
  const leaving = new Map(
    all.map((connection, index) => [connection, returnAfter(index, all.length, drainSeconds)]),
  );
  const patience = performance.now() + ANSWER_PATIENCE;
  for (;;) {
    const isLate = performance.now() >= patience;
    for (const [connection, after] of leaving) {
      // Its acks go out before the farewell.
      if (connection.isWaiting && !isLate) continue;
      leaving.delete(connection);
      connection.end(endingFor(1012, undefined, after));
    }
    if (leaving.size === 0) break;
    await Bun.sleep(LOOK);
  }
  const deadline = performance.now() + CLOSE_PATIENCE;
  while (admission.open > 0 && performance.now() < deadline) await Bun.sleep(LOOK);
}
