// The only place where the page uses sockets: the client library opens them with this class, which reports all frames, those
// of the library and those typed by hand.
import { serverAddress } from "../server-address.ts";
import { conversationOf, maskTokens, typeOf, type WireEvent } from "./frame.ts";

/** The sockets of a client: reports all events, and can send anything. */
export interface WebSocketTap {
  /** For the client library's option of the same name. */
  readonly WebSocket: new (
    url: string,
    protocols: string[],
  ) => WebSocket;
  /** Sends any text or bytes. Returns false if no socket is open. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean;
  /** Closes the socket with 1000, or 3000 to 4999. Returns false if no socket is open. Throws for other codes. */
  close(code?: number, reason?: string): boolean;
  isOpen(): boolean;
  /** Unsent bytes in the browser. */
  unsent(): number;
}

/** Observes the sockets of one client; calls `emit` with each event, in order, without tokens (A4). */
export function createWebSocketTap(emit: (seen: Omit<WireEvent, "client">) => void): WebSocketTap {
  let current: WebSocket | undefined;

  function emitSocketEvent(socketId: number, type: string, text: string, close?: WireEvent["close"]): void {
    emit({ at: monotonicNow(), direction: "line", type, bytes: 0, text, socketId, ...(close && { close }) });
  }

  function emitFrame(socketId: number, direction: "in" | "out", data: unknown): void {
    const at = monotonicNow();
    if (typeof data === "string") {
      const text = direction === "out" ? maskTokens(data) : data;
      const conversation = conversationOf(text);
      const about = conversation === undefined ? {} : { conversation };
      emit({ at, direction, type: typeOf(text), bytes: utf8Length(data), text, socketId, ...about });
      return;
    }
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array);
    const text = Array.from(bytes.subarray(0, 4096), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    emit({ at, direction, type: "binary", bytes: bytes.length, text, binary: true, socketId });
  }

  class TappedSocket extends WebSocket {
    private readonly socketId = monotonicNow();
    private isClosedByUs = false;

    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.binaryType = "arraybuffer";
      current = this;
      const { pathname, search } = new URL(url);
      emitSocketEvent(this.socketId, "dial", `${pathname}${search}`);
      this.addEventListener("open", () => emitSocketEvent(this.socketId, "open", "the connection is open"));
      this.addEventListener("message", ({ data }) => emitFrame(this.socketId, "in", data));
      this.addEventListener("close", ({ code, reason }) => {
        const byUs = this.isClosedByUs;
        emitSocketEvent(this.socketId, "close", `${code} ${reason}`.trim(), { code, reason, byUs });
        if (current === this) current = undefined;
      });
    }

    override close(code?: number, reason?: string): void {
      this.isClosedByUs = true;
      super.close(code, reason);
    }

    override send(data: string | Uint8Array<ArrayBuffer>): void {
      super.send(data);
      if (this.readyState === WebSocket.OPEN) emitFrame(this.socketId, "out", data);
    }
  }

  const isOpen = () => current?.readyState === WebSocket.OPEN;
  return {
    WebSocket: TappedSocket,
    isOpen,
    unsent: () => current?.bufferedAmount ?? 0,
    send(data) {
      if (!isOpen()) return false;
      current?.send(data);
      return true;
    },
    close(code, reason) {
      if (!isOpen()) return false;
      current?.close(code, reason);
      return true;
    },
  };
}

/** Opens a socket once with any token, and reports the result; closes it at once if it is accepted. */
export function probeHandshake(
  path: string,
  token: string,
  emit: (seen: Omit<WireEvent, "client">) => void,
): void {
  const { WebSocket } = createWebSocketTap(emit);
  const url = `${serverAddress().replace(/^http/, "ws")}${path}`;
  const socket = new WebSocket(url, ["parley.v1", `bearer.${token}`]);
  socket.addEventListener("message", ({ data }) => typeOf(data) === "welcome" && socket.close());
}

/**
 * Returns the time in milliseconds since 1970, based on the clock when the page was loaded: differences are right even if
 * the clock is changed. Finer than `Date.now`: acks on one machine take less than a millisecond.
 */
export function monotonicNow(): number {
  return performance.timeOrigin + performance.now();
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
