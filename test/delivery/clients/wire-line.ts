import type { ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";
import type { Random } from "../../support/random.ts";
import type { ResumePoint } from "../record.ts";

/** A client in one conversation, as its line uses it. */
export interface LineClient {
  readonly conversation: string;
  /** Where the client resumes; undefined before it joined for the first time. */
  readonly resumePoint: ResumePoint | undefined;
  /** Whether the conversation is open on the present socket. */
  readonly isOpen: boolean;
  /** A frame about its conversation, or about its own socket. `asked`: the position with which the conversation was opened. */
  onFrame(frame: ServerFrame, asked: ResumePoint | undefined): void;
  /** Nothing of the conversation comes until it is open again. */
  onLost(): void;
  /** The conversation is being asked for. */
  onAsked(): void;
  /** The user may not read the conversation. The line tries again to open it, until the user may. */
  onOut(code: string): void;
  /** The server closed the socket, or refused the conversation, in a way that no fault of a run explains. */
  onRefused(code: string, text: string): void;
}

/** What a client uses of its line. */
export interface ClientLine {
  /** Whether frames can be sent while the conversation is not open. */
  readonly sendsUnopened: boolean;
  /** Begins to connect; later calls change nothing. */
  start(): void;
  /** From now on the line reconnects at once. */
  stopAbsences(): void;
  add(client: LineClient): void;
  /** The client leaves its conversation for good. */
  remove(client: LineClient): void;
  send(client: LineClient, frame: object): void;
}

export interface LineOptions {
  readonly user: string;
  readonly token: string;
  /** `ws://127.0.0.1:1234` */
  readonly url: string;
  readonly random: Random;
  /** How long a pong may take before the connection counts as dead, in milliseconds; PING_TIMEOUT_MS without it. */
  readonly pingTimeoutMs?: number | undefined;
}

/** Bun's, which can also be cut without a close frame: on a dead connection that would never get a reply. */
type Socket = WebSocket & { terminate(): void };

/** Milliseconds between two pings, and how long a pong may take before the connection counts as dead. */
const PING_INTERVAL_MS = 500;
const PING_TIMEOUT_MS = 1_500;

/** Milliseconds before the first reconnect attempt, doubled with each failure. */
const BACKOFF_INITIAL_MS = 20;
const BACKOFF_MAX_MS = 400;

/**
 * One lost connection in this many is not reopened at once: its user stays away for a while, in milliseconds, and
 * misses much.
 */
const ABSENCE_ONE_IN = 12;
const ABSENCE_MS = 4_000;

/** Milliseconds after which a user who may not read a conversation tries to open it again. */
const PROBE_MS = [200, 900] as const;

/** The close of a socket of one conversation that its user may not read. */
const FORBIDDEN = 4403;

/** The codes with which a conversation is refused to a user who is banned or does not belong to it. */
const OUT_CODES: readonly string[] = ["forbidden", "banned"];

/** A WebSocket that is opened again whenever it is lost, until `close`. */
export abstract class WireLine {
  protected socket: Socket | undefined;
  protected welcomed = false;
  private failures = 0;
  private lastReceivedAt = 0;
  private started = false;
  private closed = false;
  private mayBeAbsent = true;
  private pingTimer: ReturnType<typeof setInterval> | undefined;

  constructor(protected readonly options: LineOptions) {}

  /** Path and query of the next socket, without the token. */
  protected abstract path(): { readonly path: string; readonly query: string };
  protected abstract receive(frame: ServerFrame): void;
  protected abstract lost(): void;
  protected abstract refused(code: string, text: string): void;

  start(): void {
    if (this.started) return;
    this.started = true;
    this.pingTimer = setInterval(() => this.checkLiveness(), PING_INTERVAL_MS);
    this.connect();
  }

  stopAbsences(): void {
    this.mayBeAbsent = false;
  }

  protected close(): void {
    this.closed = true;
    clearInterval(this.pingTimer);
    this.socket?.close(1000);
  }

  private connect(): void {
    if (this.closed) return;
    const { path, query } = this.path();
    const { url, token } = this.options;
    const socket = new WebSocket(`${url}${path}?token=${token}${query}`) as Socket;
    this.socket = socket;
    this.lastReceivedAt = performance.now();
    let wait: number | undefined;
    socket.addEventListener("message", ({ data }) => {
      // Frames that still arrive on an abandoned connection are ignored: the messages come again on the next one.
      if (socket !== this.socket) return;
      const frame: ServerFrame = JSON.parse(String(data));
      this.lastReceivedAt = performance.now();
      if (frame.type === "welcome") {
        this.welcomed = true;
        this.failures = 0;
      } else if (frame.type === "closing") {
        if (frame.retry_after !== undefined) wait = frame.retry_after * 1000;
        if (frame.code === FORBIDDEN) wait = this.probeDelay();
        else if (!frame.reconnect) this.refused(String(frame.code), frame.reason);
      }
      this.receive(frame);
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.onClose(wait);
    });
  }

  /** Opens another socket at once. Returns the present one, which stays open; what it still receives is ignored. */
  protected replaceSocket(): WebSocket | undefined {
    const { socket } = this;
    if (socket !== undefined) this.onClose(0);
    return socket;
  }

  /**
   * Sends a frame on the present socket, and drops it where there is none or it is closing: what has no answer is sent again on the
   * next one.
   */
  protected transmit(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  protected probeDelay(): number {
    return this.options.random.between(...PROBE_MS);
  }

  private onClose(after: number | undefined): void {
    this.welcomed = false;
    this.socket = undefined;
    this.lost();
    const { random } = this.options;
    const wait = Math.min(BACKOFF_MAX_MS, BACKOFF_INITIAL_MS * 2 ** this.failures++) * (0.5 + random.next());
    const isAbsent = this.mayBeAbsent && random.between(1, ABSENCE_ONE_IN) === 1;
    setTimeout(() => this.connect(), isAbsent ? ABSENCE_MS : (after ?? wait));
  }

  /** A half-open connection reports nothing; only a missing reply reveals it. */
  private checkLiveness(): void {
    const { socket } = this;
    if (socket === undefined) return;
    const { pingTimeoutMs = PING_TIMEOUT_MS } = this.options;
    if (performance.now() - this.lastReceivedAt > pingTimeoutMs) {
      socket.terminate();
      if (this.socket === socket) this.onClose(undefined);
    } else if (this.welcomed) this.transmit({ type: "ping" });
  }
}

/** A socket of one conversation. */
export class SoleLine extends WireLine implements ClientLine {
  private client: LineClient | undefined;
  readonly sendsUnopened = false;
  /** The code of the `error` before `closing`. */
  private lastError = "";
  private asked: ResumePoint | undefined;

  add(client: LineClient): void {
    this.client = client;
  }

  remove(): void {
    this.close();
  }

  send(_client: LineClient, frame: object): void {
    this.transmit(frame);
  }

  protected path() {
    const { conversation, resumePoint } = this.client!;
    this.asked = resumePoint;
    this.client!.onAsked();
    const query = resumePoint === undefined ? "" : `&after=${resumePoint.after}&epoch=${resumePoint.epoch}`;
    return { path: `/ws/${this.options.user}/${conversation}`, query };
  }

  protected receive(frame: ServerFrame): void {
    if (frame.type === "error" && OUT_CODES.includes(frame.code)) {
      this.lastError = frame.code;
      if (frame.id === undefined) return;
    }
    if (frame.type === "closing" && frame.code === FORBIDDEN) this.client?.onOut(this.lastError);
    else this.client?.onFrame(frame, this.asked);
  }

  protected lost(): void {
    this.client?.onLost();
  }

  protected refused(code: string, text: string): void {
    this.client?.onRefused(code, text);
  }
}

/** The socket of a user (MX), which its clients in several conversations share. */
export class UserLine extends WireLine implements ClientLine {
  private readonly clients = new Map<string, LineClient>();
  /** The position with which each conversation was opened on this socket. */
  private readonly asked = new Map<string, ResumePoint | undefined>();

  get sendsUnopened(): boolean {
    return this.welcomed;
  }

  add(client: LineClient): void {
    this.clients.set(client.conversation, client);
  }

  remove({ conversation }: LineClient): void {
    if (!this.clients.delete(conversation)) return;
    if (this.clients.size === 0) this.close();
    else this.transmit({ type: "close", conversations: [conversation] });
  }

  send({ conversation }: LineClient, frame: object): void {
    this.transmit({ ...frame, conversation });
  }

  protected path() {
    return { path: `/ws/${this.options.user}`, query: "" };
  }

  protected receive(frame: ServerFrame): void {
    if (frame.type === "welcome") this.open([...this.clients.values()]);
    const client = "conversation" in frame ? this.clients.get(frame.conversation ?? "") : undefined;
    if (client === undefined) return;
    if (frame.type === "closed") this.onClosed(client, frame);
    else if (frame.type === "error" && frame.id === undefined) this.onNotOpened(client, frame);
    else client.onFrame(frame, this.asked.get(client.conversation));
  }

  protected lost(): void {
    for (const client of this.clients.values()) client.onLost();
  }

  protected refused(code: string, text: string): void {
    for (const client of this.clients.values()) client.onRefused(code, text);
  }

  private open(clients: readonly LineClient[]): void {
    const conversations = clients.map((client) => {
      const { conversation, resumePoint } = client;
      client.onAsked();
      this.asked.set(conversation, resumePoint);
      return { conversation, ...resumePoint };
    });
    this.transmit({ type: "open", conversations });
  }

  /** The server closed the conversation: it could not keep up, or the store lost messages. */
  private onClosed(client: LineClient, { code, message, retry_after }: ServerFrameOf<"closed">): void {
    client.onLost();
    if (code !== undefined && OUT_CODES.includes(code)) this.probe(client, code);
    else if (retry_after === undefined) client.onRefused(code ?? "closed", message ?? "");
    else this.openLater(client, retry_after);
  }

  private onNotOpened(client: LineClient, { code, message, retry_after }: ServerFrameOf<"error">): void {
    // A read mark that came after a ban is refused, too, before `closed` comes.
    if (OUT_CODES.includes(code)) {
      if (!client.isOpen) this.probe(client, code);
    } else if (code === "unavailable" || retry_after !== undefined) this.openLater(client, retry_after ?? 0);
    else client.onRefused(code, message);
  }

  private probe(client: LineClient, code: string): void {
    client.onOut(code);
    this.openLater(client, this.probeDelay() / 1_000);
  }

  private openLater(client: LineClient, seconds: number): void {
    const { socket } = this;
    // A newer socket opens all conversations.
    setTimeout(() => socket === this.socket && this.open([client]), seconds * 1_000 + BACKOFF_INITIAL_MS);
  }
}
