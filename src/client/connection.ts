import type { ClientFrame } from "../protocol/client-frames.ts";
import type { ServerFrame } from "../protocol/server-frames.ts";
import type { SUBPROTOCOL } from "../protocol/version.ts";
import { type Options, PING_AFTER, PING_ANSWER, WELCOME_WAIT, type WebSocketLike } from "./options.ts";

/** What a client may send: the fields that have a default are optional. */
export type SentFrame =
  | Exclude<ClientFrame, { type: "history" }>
  | { type: "history"; id: string; before?: number; after?: number; limit?: number };

/** What a connection tells its owner. After `hangUp()` it tells nothing more. */
export interface ConnectionListener {
  received(frame: ServerFrame): void;
  /** Called once. */
  lost(code: number, reason: string): void;
}

/** As it is in the WebSocket standard: the number of the state "open". */
const OPEN = 1;

/** One WebSocket, from dialling to its end. It notices when the line is dead, and decides nothing. */
export class Connection {
  private readonly socket: WebSocketLike | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;

  /** The token goes beside the subprotocol: in an address it would end up in histories and logs. */
  constructor(
    address: string,
    token: string,
    private readonly options: Options,
    private readonly listener: ConnectionListener,
  ) {
    const subprotocol: typeof SUBPROTOCOL = "parley.v1";
    const Socket = options.WebSocket ?? (globalThis.WebSocket as unknown as Options["WebSocket"]);
    if (Socket === undefined) throw new Error("There is no WebSocket here: give one in the options.");
    this.limit(options.welcomeWait ?? WELCOME_WAIT, "no welcome in time");
    try {
      this.socket = new Socket(address, [subprotocol, `bearer.${token}`]);
    } catch (error) {
      // A page's policy, or a token with a character that no subprotocol has.
      queueMicrotask(() => this.lose(1006, String(error)));
      return;
    }
    this.socket.onmessage = ({ data }: { data: unknown }) => this.hear(data);
    this.socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.lose(code, reason);
    // Always followed by `close`; some libraries throw when nobody listens.
    this.socket.onerror = () => {};
  }

  /** Sends one frame; nothing while the line is not open, whose end is told by `lost`. */
  send(frame: SentFrame): void {
    if (this.isOver || this.socket?.readyState !== OPEN) return;
    const text = JSON.stringify(frame);
    this.socket.send(text);
    if (frame.type !== "token") this.options.trace?.("sent", text);
  }

  /** Asks the server for a sign of life; without one the line is lost. */
  probe(): void {
    this.send({ type: "ping" });
    this.limit(this.options.pingAnswer ?? PING_ANSWER, "the line is dead: a ping was not answered");
  }

  hangUp(): void {
    if (this.isOver) return;
    this.end();
    this.socket?.close(1000);
  }

  private hear(data: unknown): void {
    if (this.isOver || typeof data !== "string") return;
    this.options.trace?.("received", data);
    this.watch();
    let frame: ServerFrame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    this.listener.received(frame);
  }

  private lose(code: number, reason: string): void {
    if (this.isOver) return;
    this.end();
    this.listener.lost(code, reason);
  }

  private end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  /** Probes when nothing was heard for a while. */
  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.probe(), this.options.pingAfter ?? PING_AFTER);
  }

  /** Gives the line up unless something is heard in time. */
  private limit(milliseconds: number, reason: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // A dead line would keep the close handshake waiting; nobody waits for its end.
      this.socket?.close();
      this.lose(1006, reason);
    }, milliseconds);
  }
}
