import { openSocket, type Socket, type SocketListener } from "../../../client/line/socket.ts";
import { MONOTONIC } from "../../../client/timing.ts";
import type { ClientFrame } from "../../../protocol/client-frames.ts";
import type { ServerFrame } from "../../../protocol/server-frames.ts";
import type { Options } from "./options.ts";

/** A frame that a client may send: fields that have a default are optional. */
export type OutgoingFrame =
  | Exclude<ClientFrame, { type: "history" }>
  | { type: "history"; id: string; before?: number; after?: number; limit?: number };

/** One WebSocket of one conversation. */
export type Connection = Socket<OutgoingFrame>;

/** Opens a socket with the waits of these options. */
export function openConnection(
  address: string,
  token: string,
  { WebSocket, timing = MONOTONIC, trace, pingAfter, pingAnswer, welcomeWait }: Options,
  listener: SocketListener<ServerFrame>,
): Connection {
  const waits = {
    ...(pingAfter !== undefined && { pingAfter }),
    ...(pingAnswer !== undefined && { pingAnswer }),
    ...(welcomeWait !== undefined && { welcomeWait }),
    // Bound, because a clock may be a class whose methods are not copied.
    now: () => timing.now(),
    after: (milliseconds: number, task: () => void) => timing.after(milliseconds, task),
  };
  const options = { timing: waits, ...(WebSocket && { WebSocket }), ...(trace && { trace }) };
  return openSocket<ServerFrame, OutgoingFrame>(address, token, options, listener);
}
