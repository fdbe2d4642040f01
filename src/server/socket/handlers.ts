import type { ServerWebSocket, WebSocketHandler } from "bun";
import type { Emit } from "../../core/events/events.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { Connection } from "./connection.ts";
import { closeWithInternalError } from "./internal-error.ts";

/**
 * The runtime's side of a socket: its handlers and limits. Each handler catches what it throws: an exception that
 * leaves one would end the process (RT-2). They are synchronous, because asynchronous ones overlap (RT-3).
 */
export function socketHandlers(emit: Emit, maxUnsent: number): WebSocketHandler<Connection> {
  const guard = (socket: ServerWebSocket<Connection>, handle: () => void) => {
    try {
      handle();
    } catch (error) {
      closeWithInternalError(emit, socket.data, error);
    }
  };
  return {
    open: (socket) => guard(socket, () => socket.data.onOpen(socket)),
    message: (socket, message) => guard(socket, () => socket.data.onFrame(message)),
    ping: (socket) => guard(socket, () => socket.data.onControlFrame()),
    pong: (socket) => guard(socket, () => socket.data.onControlFrame()),
    drain: (socket) => guard(socket, () => socket.data.onDrain()),
    close: (socket, code, reason) => guard(socket, () => socket.data.onClose(code, reason)),
    // Twice ours, so that a frame over the limit is answered in words; over twice the runtime cuts it off (1009).
    maxPayloadLength: MAX_FRAME_BYTES * 2,
    perMessageDeflate: false,
    // Pings are the session's: the runtime never reaps a client that is only sent to (RT-1).
    idleTimeout: 0,
    sendPings: false,
    // The session closes with a code of its own at `maxUnsent`; the runtime would cut in mid-frame (RT-5). What
    // one turn of the event loop can add stays below the difference.
    backpressureLimit: maxUnsent + 64 * 1024 * 1024,
    closeOnBackpressureLimit: false,
  };
}
