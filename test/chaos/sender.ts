import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import type { Acked, Heard, Sent } from "./record.ts";

/** Messages that one sender has under way at the same time. */
const WINDOW = 6;

/** Milliseconds between an ack and the message that takes its place, so that the machine is busy and not swamped. */
const PAUSE = 8;

/** How long a last answer may take, in milliseconds: only a broken server ever takes so long. */
const PATIENCE = 10_000;

/**
 * A client as the protocol wants it: it names its messages, and sends again what was not acked when it has a new
 * connection. It keeps a record of all it sent, and of all it was told.
 */
export class Sender {
  readonly sent: Sent[] = [];
  readonly acked: Acked[] = [];
  readonly heard: Heard[] = [];
  /** Faults that no restart explains: errors, numbers out of order. */
  readonly faults: string[] = [];
  /** Messages sent more than once, and repeats that had been stored before. */
  retried = 0;
  duplicates = 0;
  private readonly unacked = new Map<string, Sent>();
  private socket: WebSocket | undefined;
  private running = true;

  constructor(
    readonly user: string,
    readonly conversation: string,
    private readonly token: string,
    private readonly name: string,
  ) {}

  /** Connects to a server and sends again what is not acked; resolves at the `welcome`. */
  connect(url: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const address = `${url.replace(/^http/, "ws")}/ws/${this.user}/${this.conversation}`;
    const socket = new WebSocket(`${address}?token=${this.token}`);
    this.socket = socket;
    let newest = 0;
    socket.addEventListener("close", ({ code }) =>
      reject(new Error(`closed with ${code} before the welcome`)),
    );
    socket.addEventListener("message", ({ data }) => {
      const frame: ServerFrame = JSON.parse(String(data));
      if (frame.type === "welcome") {
        newest = frame.seq;
        resolve();
        for (const message of this.unacked.values()) {
          this.retried++;
          this.send(message);
        }
        while (this.running && this.unacked.size < WINDOW) this.sendNew();
      } else if (frame.type === "message") {
        if (frame.seq !== newest + 1) this.faults.push(`${this.name} heard ${frame.seq} after ${newest}`);
        newest = frame.seq;
        const { type: _, ...message } = frame;
        this.heard.push({ conversation: this.conversation, message });
      } else if (frame.type === "ack") this.onAck(frame.id, frame.seq, frame.duplicate === true);
      else if (frame.type === "error") this.onError(frame.code, frame.id);
    });
    return promise;
  }

  /** Sends nothing new, and resolves when all that was sent is acked. */
  async finish(): Promise<void> {
    this.running = false;
    const deadline = Date.now() + PATIENCE;
    while (this.unacked.size > 0) {
      if (Date.now() > deadline) throw new Error(`${this.name}: ${this.unacked.size} messages get no answer`);
      await Bun.sleep(5);
    }
    this.socket?.close();
  }

  private sendNew(): void {
    const id = `${this.name}.${this.sent.length + 1}`;
    const message = { conversation: this.conversation, user: this.user, id, text: `text of ${id}` };
    this.sent.push(message);
    this.unacked.set(id, message);
    this.send(message);
  }

  private send({ id, text }: Sent): void {
    if (this.socket?.readyState === WebSocket.OPEN)
      this.socket.send(JSON.stringify({ type: "message", id, text }));
  }

  private onAck(id: string, seq: number, duplicate: boolean): void {
    const message = this.unacked.get(id);
    if (message === undefined) return void this.faults.push(`${id} was acked twice on one connection`);
    this.unacked.delete(id);
    this.acked.push({ ...message, seq });
    if (duplicate) this.duplicates++;
    setTimeout(() => {
      if (this.running && this.socket?.readyState === WebSocket.OPEN) this.sendNew();
    }, PAUSE);
  }

  /** `unavailable` says that nothing is known to have happened and to try again; nothing else may come. */
  private onError(code: string, id: string | undefined): void {
    const message = id === undefined ? undefined : this.unacked.get(id);
    if (code !== "unavailable" || message === undefined)
      this.faults.push(`${this.name} was told \`${code}\` about ${id}`);
    else {
      const { socket } = this;
      // A new connection sends it by itself.
      setTimeout(() => socket === this.socket && this.send(message), PAUSE);
    }
  }
}
