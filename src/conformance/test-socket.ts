import type { z } from "zod";
import {
  SERVER_FRAMES,
  type ServerFrame,
  type ServerFrameOf,
  type ServerFrameType,
} from "../protocol/server-frames.ts";
import { RuleViolated } from "./verdicts.ts";

/** Milliseconds within which a frame must come that nothing keeps from coming. */
export const TIMEOUT_MS = 10_000;

/** One socket to the server: keeps what it hears, holds each frame against the protocol, and waits for what must come. */
export class TestSocket {
  readonly frames: ServerFrame[] = [];
  /** What the close said, once it has come. */
  close: { readonly code: number; readonly reason: string } | undefined;
  private violation: string | undefined;
  /** By type, how many frames of `frames` were looked at. */
  private readonly readCounts = new Map<ServerFrameType, number>();
  private wake: () => void = () => {};

  constructor(private readonly socket: WebSocket) {
    socket.addEventListener("message", ({ data }) => {
      this.receive(data);
      this.wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.close = { code, reason };
      this.wake();
    });
    socket.addEventListener("open", () => this.wake());
    // A close event follows each error, and says more.
    socket.addEventListener("error", () => {});
  }

  send(frame: object | string | Uint8Array<ArrayBuffer>): void {
    const raw = typeof frame === "string" || frame instanceof Uint8Array;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(raw ? frame : JSON.stringify(frame));
  }

  /** Waits until frames can be sent. */
  opened(): Promise<void> {
    return this.until(() => this.socket.readyState === WebSocket.OPEN, "open socket");
  }

  /** The next frame of `type` that was not answered before, and that `fits`; those of the type before it are passed over. */
  async next<T extends ServerFrameType>(
    type: T,
    matches: (frame: ServerFrameOf<T>) => boolean = () => true,
    timeoutMs = TIMEOUT_MS,
  ): Promise<ServerFrameOf<T>> {
    let found: ServerFrameOf<T> | undefined;
    const findNext = () => {
      for (let at = this.readCounts.get(type) ?? 0; found === undefined && at < this.frames.length; at++) {
        const frame = this.frames[at]!;
        if (frame.type === type && matches(frame as ServerFrameOf<T>)) found = frame as ServerFrameOf<T>;
        this.readCounts.set(type, at + 1);
      }
      return found !== undefined;
    };
    await this.until(findNext, `\`${type}\` frame`, timeoutMs);
    return found!;
  }

  /** Waits for the close and answers it. */
  async closed(timeoutMs = TIMEOUT_MS): Promise<{ readonly code: number; readonly reason: string }> {
    await this.until(() => this.close !== undefined, "close", timeoutMs);
    return this.close!;
  }

  /** Waits until the server has answered a ping: what it sent to this line before has arrived. */
  async flushed(): Promise<void> {
    const id = crypto.randomUUID();
    this.send({ type: "ping", id });
    await this.until(() => this.of("pong").some((pong) => pong.id === id), "answer to a ping");
  }

  /** The frames of `type` so far. */
  of<T extends ServerFrameType>(type: T): ServerFrameOf<T>[] {
    return this.frames.filter((frame): frame is ServerFrameOf<T> => frame.type === type);
  }

  /** Closes the socket and waits until it is closed. */
  async disconnect(): Promise<void> {
    this.socket.close(1000);
    const deadline = Date.now() + 1_000;
    while (this.close === undefined && Date.now() < deadline) await this.nextEvent(deadline);
  }

  /** Waits until `holds`; throws `Broken` where it never does, with `what` as its name. */
  async until(condition: () => boolean, what: string, timeoutMs = TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.violation !== undefined) throw new RuleViolated(this.violation);
      if (condition()) return;
      if (this.close !== undefined || Date.now() >= deadline) {
        const end =
          this.close === undefined ? `within ${timeoutMs / 1000} s` : `before the close ${this.close.code}`;
        const lastFrames = this.frames.slice(-6).map(summarizeFrame).join(", ");
        throw new RuleViolated(`No ${what} came ${end}; the last frames were: ${lastFrames || "none"}.`);
      }
      await this.nextEvent(deadline);
    }
  }

  private receive(data: unknown): void {
    const { frame, violation: fault } = readFrame(data);
    if (frame !== undefined) this.frames.push(frame);
    else this.violation ??= fault;
  }

  private nextEvent(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A frame as the protocol has it, or what is wrong with it. Neither for a type it does not know, which is allowed. */
function readFrame(data: unknown): { frame?: ServerFrame; violation?: string } {
  let value: { type?: unknown };
  try {
    value = JSON.parse(String(data));
  } catch {
    return { violation: "The server sent a frame that is not JSON." };
  }
  if (typeof value?.type !== "string") return { violation: "The server sent a frame without a `type`." };
  if (!Object.hasOwn(SERVER_FRAMES, value.type)) return {};
  const schema: z.ZodType = SERVER_FRAMES[value.type as ServerFrameType];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { frame: parsed.data as ServerFrame };
  const issue = parsed.error.issues[0];
  return {
    violation: `A \`${value.type}\` frame is not valid: \`${issue?.path.join(".")}\` ${issue?.message}.`,
  };
}

function summarizeFrame(frame: ServerFrame): string {
  return "code" in frame ? `${frame.type} ${frame.code}` : frame.type;
}
