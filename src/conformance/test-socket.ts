import type { z } from "zod";
import {
  SERVER_FRAMES,
  type ServerFrame,
  type ServerFrameOf,
  type ServerFrameType,
} from "../protocol/server-frames.ts";
import { RuleViolated } from "./verdicts.ts";

/** How long to wait for an expected frame, in milliseconds. */
export const TIMEOUT_MS = 10_000;

/** One socket to the server: keeps the received frames, validates each against the protocol, and waits for expected ones. */
export class TestSocket {
  readonly frames: ServerFrame[] = [];
  /** Code and reason of the close; undefined before. */
  close: { readonly code: number; readonly reason: string } | undefined;
  private violation: string | undefined;
  /** By type: how many of `frames` were searched by `next`. */
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
    // A close event follows each error, with more details.
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

  /** Resolves with the next frame of `type` that was not returned before and that `matches`; skips earlier frames of the type. */
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

  /** Waits for the close and returns it. */
  async closed(timeoutMs = TIMEOUT_MS): Promise<{ readonly code: number; readonly reason: string }> {
    await this.until(() => this.close !== undefined, "close", timeoutMs);
    return this.close!;
  }

  /** Waits until the server has answered a ping: everything that it sent on this socket before has arrived. */
  async flushed(): Promise<void> {
    const id = crypto.randomUUID();
    this.send({ type: "ping", id });
    await this.until(() => this.of("pong").some((pong) => pong.id === id), "reply to a ping");
  }

  /** Returns the frames of `type` received so far. */
  of<T extends ServerFrameType>(type: T): ServerFrameOf<T>[] {
    return this.frames.filter((frame): frame is ServerFrameOf<T> => frame.type === type);
  }

  /** Closes the socket and waits until it is closed. */
  async disconnect(): Promise<void> {
    this.socket.close(1000);
    const deadline = Date.now() + 1_000;
    while (this.close === undefined && Date.now() < deadline) await this.nextEvent(deadline);
  }

  /** Waits until `condition` is true; throws `RuleViolated`, which names `what`, if it never is. */
  async until(condition: () => boolean, what: string, timeoutMs = TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.violation !== undefined) throw new RuleViolated(this.violation);
      if (condition()) return;
      if (this.close !== undefined || Date.now() >= deadline) {
        const end =
          this.close === undefined ? `within ${timeoutMs / 1000} s` : `before the close ${this.close.code}`;
        const lastFrames = this.frames.slice(-6).map(summarizeFrame).join(", ");
        throw new RuleViolated(`No ${what} received ${end}; the last frames were: ${lastFrames || "none"}.`);
      }
      await this.nextEvent(deadline);
    }
  }

  private receive(data: unknown): void {
    const { frame, violation } = readFrame(data);
    if (frame !== undefined) this.frames.push(frame);
    else this.violation ??= violation;
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

/** Returns the frame if it is valid, or its violation of the protocol. Neither for an unknown type, which is allowed. */
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
