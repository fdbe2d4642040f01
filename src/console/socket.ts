import type { ServerFrame } from "../protocol/server-frames.ts";
import type { SUBPROTOCOL } from "../protocol/version.ts";
import type { SentFrame } from "./state.ts";

/** What a line tells its owner. After `close()` it tells nothing more. */
export interface LineListener {
  /** `text` as it was on the wire; `frame` is missing where that is not a frame. */
  received(text: string, frame: ServerFrame | undefined): void;
  sent(text: string): void;
  /** Something about the line itself, for the frame log. */
  noted(text: string): void;
  closed(code: number): void;
}

/** A connection to one conversation. */
export interface Line {
  /** Sends one frame; nothing while the line is not open, whose end is then told by `closed`. */
  send(frame: SentFrame): void;
  close(): void;
}

/**
 * Opens the socket of `user` in `conversation`.
 *
 * The token goes beside the subprotocol: in an address it would end up in histories and logs (A4).
 */
export function openLine(user: string, conversation: string, token: string, listener: LineListener): Line {
  const subprotocol: typeof SUBPROTOCOL = "parley.v1";
  const path = `/ws/${encodeURIComponent(user)}/${encodeURIComponent(conversation)}`;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${path}`, [subprotocol, `bearer.${token}`]);
  const listening = new AbortController();
  const { signal } = listening;

  socket.addEventListener("open", () => listener.noted(`open ${path}`), { signal });
  socket.addEventListener(
    "message",
    ({ data }) => {
      if (typeof data === "string") listener.received(data, readFrame(data));
    },
    { signal },
  );
  socket.addEventListener(
    "close",
    ({ code, reason }) => {
      listener.noted(`closed ${code} ${reason}`.trim());
      listener.closed(code);
    },
    { signal },
  );

  return {
    send(frame) {
      if (socket.readyState !== WebSocket.OPEN) return;
      const text = JSON.stringify(frame);
      socket.send(text);
      listener.sent(text);
    },
    close() {
      if (!signal.aborted && socket.readyState <= WebSocket.OPEN) listener.noted("closed 1000 by this page");
      listening.abort();
      socket.close(1000);
    },
  };
}

/** The page trusts its own server for the shape of a frame; what it shows of one is text in any case (P1). */
function readFrame(text: string): ServerFrame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const type = (value as { type?: unknown } | null)?.type;
    return typeof type === "string" ? (value as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
