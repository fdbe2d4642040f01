import type { ClientFrame } from "../../../src/protocol/client-frames.ts";
import type { ServerFrame, ServerFrameOf, ServerFrameType } from "../../../src/protocol/server-frames.ts";

/** How long a frame may take that a test waits for, in real milliseconds: only a broken server ever takes this long. */
const TIMEOUT_MS = 60_000;

/** A WebSocket client for tests: it records the frames it receives, and waits for the ones a test expects. */
export class TestClient implements AsyncDisposable {
  readonly frames: ServerFrame[] = [];
  /** Resolves when the socket is closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly waiting = new Set<() => void>();
  private seen = 0;

  constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) =>
      socket.addEventListener("close", ({ code, reason }) => {
        resolve({ code, reason });
        this.wake();
      }),
    );
    socket.addEventListener("message", ({ data }) => {
      const frame = this.read(String(data));
      if (frame === undefined) return;
      this.frames.push(frame);
      this.wake();
    });
  }

  /** Opens a socket and waits for its welcome. */
  static async connect(url: string, protocols?: string[]): Promise<TestClient> {
    const client = TestClient.open(url, protocols);
    await client.next("welcome");
    return client;
  }

  /** Opens a socket and waits for nothing. */
  static open(url: string, protocols: string[] = []): TestClient {
    return new TestClient(new WebSocket(url, protocols));
  }

  /** Resolves when the socket is open, before any frame was received. */
  async opened(): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING) {
      await new Promise((resolve) => this.socket.addEventListener("open", resolve, { once: true }));
    }
  }

  send(frame: ClientFrame | Record<string, unknown> | string | Uint8Array<ArrayBuffer>): void {
    this.socket.send(
      typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame),
    );
  }

  /** The next frame of `type` that was not returned yet; frames of other types before it are passed over. */
  async next<T extends ServerFrameType>(type: T): Promise<ServerFrameOf<T>> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      while (this.seen < this.frames.length) {
        const frame = this.frames[this.seen++]!;
        if (frame.type === type) return frame as ServerFrameOf<T>;
      }
      if (this.socket.readyState === WebSocket.CLOSED || Date.now() > deadline) {
        const received = this.frames.map((frame) => frame.type).join(", ");
        throw new Error(`No \`${type}\` frame came; the socket received: ${received || "no frame"}.`);
      }
      await this.change(deadline);
    }
  }

  /** Waits for the pong of a ping: everything the server sent before it has arrived by then. */
  async settled(): Promise<void> {
    const id = crypto.randomUUID();
    this.send({ type: "ping", id });
    const deadline = Date.now() + TIMEOUT_MS;
    while (!this.frames.some((frame) => frame.type === "pong" && frame.id === id)) {
      if (Date.now() > deadline) throw new Error("No pong came for a ping.");
      await this.change(deadline);
    }
  }

  /** The frames of `type` so far. */
  of<T extends ServerFrameType>(type: T): ServerFrameOf<T>[] {
    return this.frames.filter((frame): frame is ServerFrameOf<T> => frame.type === type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  /** Returns the frame that was received; undefined for one that the test does not see. */
  protected read(text: string): ServerFrame | undefined {
    return JSON.parse(text);
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  private change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()));
      this.waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
