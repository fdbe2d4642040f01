import { endingFor } from "../../core/closing.ts";
import type { Engine } from "../../core/engine.ts";
import { MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

export interface CatchUpParts {
  readonly engine: Engine;
  readonly hub: Hub;
}

/**
 * Sends a connection that has everything up to `from` what it missed, and then has it live (D4).
 *
 * In pages, each read when the one before has left for the client: a thousand that come back at once hold a page each,
 * and who does not read holds up nobody. The last step, from the hub's ring to live, is one turn of the event loop.
 */
export async function catchUp(
  { engine, hub }: CatchUpParts,
  connection: Connection,
  from: number,
): Promise<void> {
  const { conversation } = connection;
  let sent = from;
  for (;;) {
    if (connection.ended) return;
    const frames = hub.goLive(conversation, connection, sent);
    if (frames !== undefined) {
      for (const frame of frames) connection.deliver(frame);
      connection.apply({ type: "caught_up" });
      return;
    }
    const page = await engine.page(conversation, sent, hub.newest(conversation), MAX_HISTORY_LIMIT);
    // Unavailable, or retention has passed this reader by: coming back, it is told what is lost.
    if (page?.[0]?.seq !== sent + 1) return connection.end(endingFor(1013));
    for (const frame of hub.framesOf(conversation, page)) connection.deliver(frame);
    sent = page.at(-1)!.seq;
    await connection.drained();
  }
}
