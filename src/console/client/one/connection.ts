import { type Options, PING_IDLE_MS, PONG_TIMEOUT_MS, WELCOME_TIMEOUT_MS } from "../../../client/options.ts";
import { MONOTONIC } from "../../../client/timing.ts";
import type { ClientFrame } from "../../../protocol/client-frames.ts";
import type { ServerFrame } from "../../../protocol/server-frames.ts";
import type { SUBPROTOCOL } from "../../../protocol/version.ts";

/** A frame that a client may send: fields that have a default are optional. */
export type OutgoingFrame =
  | Exclude<ClientFrame, { type: "history" }>
  | { type: "history"; id: string; before?: number; after?: number; limit?: number };

/** Callbacks of a connection. None is called after `close()`. */
export interface ConnectionListener {
  onFrame(frame: ServerFrame): void;
  /** Called once. */
  onClose(code: number, reason: string): void;
}

/** One WebSocket. It detects a dead connection, and decides nothing. */
export interface Connection {
  /** Sends one frame. While the socket is not open the frame is dropped; `onClose` reports why. */
  send(frame: OutgoingFrame): void;
  /** Sends a ping; without a reply in time the connection counts as lost. */
  probe(): void;
  /** Closes a socket that is of no more use, and reports it as lost. */
  fail(reason: string): void;
  close(): void;
}

/** The `readyState` of an open socket, as the WebSocket standard defines it. */
const OPEN = 1;

/** Opens a socket. The token is sent in the subprotocol header: in the URL it would end up in browser histories and logs. */
export function openConnection(
  address: string,
  token: string,
  { WebSocket = globalThis.WebSocket as never, timing = MONOTONIC, trace, ...options }: Options,
  { onFrame, onClose }: ConnectionListener,
): Connection {
  const subprotocol: typeof SUBPROTOCOL = "parley.v1";
  const socket = new WebSocket!(address, [subprotocol, `bearer.${token}`]);
  let endTimer = () => {};
  let isOver = false;

  function end(code: number, reason: string): void {
    if (isOver) return;
    close();
    onClose(code, reason);
  }

  const fail = (reason: string) => end(1006, reason);

  function close(): void {
    isOver = true;
    endTimer();
    // On a dead connection the close handshake would never finish, so nothing waits for it.
    socket.close(1000);
  }

  /** Calls `task` unless a frame arrives in time. */
  function unlessReceivedWithin(milliseconds: number, task: () => void): void {
    endTimer();
    endTimer = timing.after(milliseconds, task);
  }

  function send(frame: OutgoingFrame): void {
    if (isOver || socket.readyState !== OPEN) return;
    const text = JSON.stringify(frame);
    socket.send(text);
    if (frame.type !== "token") trace?.("sent", text);
  }

  function probe(): void {
    send({ type: "ping" });
    unlessReceivedWithin(options.pingAnswer ?? PONG_TIMEOUT_MS, () => fail("no pong"));
  }

  unlessReceivedWithin(options.welcomeWait ?? WELCOME_TIMEOUT_MS, () => fail("no welcome"));
  socket.onmessage = ({ data }: { data: string }) => {
    if (isOver) return;
    unlessReceivedWithin(options.pingAfter ?? PING_IDLE_MS, probe);
    trace?.("received", data);
    let frame: ServerFrame;
    try {
      frame = JSON.parse(data);
    } catch {
      end(1007, "not a frame");
      return;
    }
    onFrame(frame);
  };
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason);
  // The connection failed. A `close` event follows, except in Node 22. Browsers do not report the cause. The error for a
  // host name with several addresses has no message, only a code.
  socket.onerror = ({ message, error }: { message?: string; error?: { code?: string } }) =>
    fail(message || error?.code || "");
  return { send, probe, fail, close };
}
