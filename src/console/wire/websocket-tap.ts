// The one place where the page touches a socket: the client library dials with this class, and what goes over the line is
// seen here as it is, be it the library's or typed by hand.
import { serverAddress } from "../server-address.ts";
import { maskTokens, typeOf, type WireEvent } from "./frame.ts";

/** A client's wire: what passes is told, and anything can be put on it. */
export interface WebSocketTap {
  /** For the option of the same name of the client library. */
  readonly WebSocket: new (
    url: string,
    protocols: string[],
  ) => WebSocket;
  /** Sends as it is, whatever the protocol says about it. False when no line is open. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean;
  /** Closes the line from this side: 1000, or 3000 to 4999. False when no line is open. Throws for another code. */
  close(code?: number, reason?: string): boolean;
  isOpen(): boolean;
  /** Bytes that wait in the browser to be sent. */
  unsent(): number;
}

/** Watches the sockets of one client; `tell` is told what passes, in order. No token is (A4). */
export function createWebSocketTap(emit: (seen: Omit<WireEvent, "client">) => void): WebSocketTap {
  let current: WebSocket | undefined;

  function emitSocketEvent(socketId: number, type: string, text: string, close?: WireEvent["close"]): void {
    emit({ at: monotonicNow(), direction: "line", type, bytes: 0, text, socketId, ...(close && { close }) });
  }

  function emitFrame(socketId: number, direction: "in" | "out", data: unknown): void {
    const at = monotonicNow();
    if (typeof data === "string") {
      const text = direction === "out" ? maskTokens(data) : data;
      emit({ at, direction, type: typeOf(text), bytes: utf8Length(data), text, socketId });
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
      this.addEventListener("open", () => emitSocketEvent(this.socketId, "open", "the line is open"));
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

/** Dials once with any token, and watches what comes of it; who is let in leaves at once. */
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
 * Now, in milliseconds since 1970 as it was known when the page was loaded: what lies between two moments is right whatever
 * was done to the clock meanwhile. Finer than `Date.now`: acks on one machine take less than one of its steps.
 */
export function monotonicNow(): number {
  return performance.timeOrigin + performance.now();
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
