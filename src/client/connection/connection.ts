import type { ClientFrame } from "../../protocol/client-frames.ts";
import type { ServerFrame } from "../../protocol/server-frames.ts";
import type { SUBPROTOCOL } from "../../protocol/version.ts";
import { type Options, PING_IDLE_MS, PONG_TIMEOUT_MS, WELCOME_TIMEOUT_MS } from "../options.ts";
import { MONOTONIC } from "../timing.ts";

/** What a client may send: the fields that have a default are optional. */
export type OutgoingFrame =
  | Exclude<ClientFrame, { type: "history" }>
  | { type: "history"; id: string; before?: number; after?: number; limit?: number };

/** What a connection tells its owner. After `close()` it tells nothing more. */
export interface ConnectionListener {
  onFrame(frame: ServerFrame): void;
  /** Called once. */
  onClose(code: number, reason: string): void;
}

/** One WebSocket. It notices when the line is dead, and decides nothing. */
export interface Connection {
  /** Sends one frame; nothing while the line is not open, whose end is told by `lost`. */
  send(frame: OutgoingFrame): void;
  /** Asks the server for a sign of life; without one the line is lost. */
  probe(): void;
  /** The line is of no use any more: closes it, and tells that it is lost. */
  fail(reason: string): void;
  close(): void;
}

/** As it is in the WebSocket standard: the number of the state "open". */
const OPEN = 1;

/** Dials. The token goes beside the subprotocol: in an address it would end up in histories and logs. */
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
    // A dead line would keep the close handshake waiting; nobody waits for its end.
    socket.close(1000);
  }

  /** Does `task` unless something is heard in time. */
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
    unlessReceivedWithin(options.pingAnswer ?? PONG_TIMEOUT_MS, () => fail("no pong came"));
  }

  unlessReceivedWithin(options.welcomeWait ?? WELCOME_TIMEOUT_MS, () => fail("no welcome came"));
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
  // The line has failed: `close` follows, but in Node 22 it does not. Browsers do not say why. The error of a name with
  // several addresses has no message, but a code.
  socket.onerror = ({ message, error }: { message?: string; error?: { code?: string } }) =>
    fail(message || error?.code || "");
  return { send, probe, fail, close };
}
