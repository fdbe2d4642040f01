import type { ServerWebSocket, WebSocketHandler } from "bun";
import type { Emit } from "../../core/events/events.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { FastHistogram } from "../metrics/fast-histogram.ts";
import type { Connection } from "./connection.ts";
import { closeWithInternalError } from "./internal-error.ts";

/**
 * The runtime's side of a socket: its handlers and limits. Each handler catches what it throws: an exception that
 * leaves one would end the process (RT-2). They are synchronous, because asynchronous ones overlap (RT-3).
 */
export function socketHandlers(
  emit: Emit,
  maxUnsent: number,
  frames?: FastHistogram,
): WebSocketHandler<Connection> {
  const guard = (socket: ServerWebSocket<Connection>, handle: () => void) => {
    try {
      handle();
    } catch (error) {
      closeWithInternalError(emit, socket.data, error);
    }
  };
  return {
    open: (socket) => guard(socket, () => socket.data.onOpen(socket)),
    message:
      frames === undefined
        ? (socket, message) => guard(socket, () => socket.data.onFrame(message))
        : (socket, message) => {
            frames.observe(message.length);
            guard(socket, () => socket.data.onFrame(message));
          },
    ping: (socket) => guard(socket, () => socket.data.onControlFrame()),
    pong: (socket) => guard(socket, () => socket.data.onControlFrame()),
    drain: (socket) => guard(socket, () => socket.data.onDrain()),
    close: (socket, code, reason) => guard(socket, () => socket.data.onClose(code, reason)),
    // Twice MAX_FRAME_BYTES, so that the session can send an error for a frame over the limit. The runtime closes a connection
    // with an even longer frame itself (1009).
    maxPayloadLength: MAX_FRAME_BYTES * 2,
    perMessageDeflate: false,
    // The session sends the pings: the runtime does not notice a dead client to which the server only sends (RT-1).
    idleTimeout: 0,
    sendPings: false,
    // The session closes with its own code at `maxUnsent`; the runtime would end the connection within a frame (RT-5). One
    // turn of the event loop adds fewer bytes than the difference.
    backpressureLimit: maxUnsent + 64 * 1024 * 1024,
    closeOnBackpressureLimit: false,
  };
}
