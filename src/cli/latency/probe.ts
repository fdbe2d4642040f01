import { randomBytes } from "node:crypto";
import type { ServerFrame } from "../../protocol/server-frames.ts";
import { failureLines } from "../failure.ts";
import type { Credential } from "../sign-in.ts";
import { type OpenSocket, openSocket } from "../socket.ts";
import type { Target } from "../target.ts";
import type { Sample } from "./series.ts";

/** What is asked: `ping`, answered at once and free, or `message`, answered when it is stored, and a request of the plan. */
export type Question = "ping" | "message";

interface Waiting {
  readonly askedAt: number;
  readonly answer: (sample: Sample) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Asks the server something again and again, over one socket, which is opened anew when it breaks. */
export class Probe {
  private socket: OpenSocket | undefined;
  private opening: Promise<void> | undefined;
  private readonly waiting = new Map<string, Waiting>();
  private count = 0;
  /** In the ids of its messages: one that was stored in an earlier run would be acked as a duplicate. */
  private readonly name = randomBytes(8).toString("hex");

  /** `patience`: milliseconds after which an answer counts as lost. */
  constructor(
    private readonly target: Target,
    private readonly credential: Credential,
    private readonly conversation: string,
    private readonly question: Question,
    private readonly patience: number,
  ) {}

  /** Opens the socket. Throws a Failure when it is not let in. */
  async open(): Promise<void> {
    this.socket = await openSocket(this.target, this.credential, this.conversation, {
      received: (frame) => this.received(frame),
      lost: (code) => this.lost(`closed with ${code}`),
    });
  }

  /** Asks once. Never throws: what keeps the answer away is a loss. */
  async ask(): Promise<Sample> {
    if (this.socket === undefined) {
      this.opening ??= this.open().finally(() => {
        this.opening = undefined;
      });
      const problem = await this.opening.catch((error: unknown) => failureLines(error)[0]!);
      if (problem !== undefined) return { lost: problem };
    }
    const id = `${this.name}-${this.count++}`;
    const { promise, resolve } = Promise.withResolvers<Sample>();
    const timer = setTimeout(
      () => this.settle(id, { lost: `none in ${this.patience / 1000} s` }),
      this.patience,
    );
    this.waiting.set(id, { askedAt: performance.now(), answer: resolve, timer });
    this.socket!.send(
      this.question === "ping" ? { type: "ping", id } : { type: "message", id, text: "latency" },
    );
    return promise;
  }

  close(): void {
    for (const id of this.waiting.keys()) this.settle(id, { lost: "ended" });
    this.socket?.close();
  }

  private received(frame: ServerFrame): void {
    if (frame.type === "pong" || frame.type === "ack") this.settle(frame.id ?? "");
    if (frame.type === "error" && frame.id !== undefined) this.settle(frame.id, { lost: frame.code });
  }

  private lost(reason: string): void {
    this.socket = undefined;
    for (const id of this.waiting.keys()) this.settle(id, { lost: reason });
  }

  private settle(id: string, sample?: Sample): void {
    const asked = this.waiting.get(id);
    if (asked === undefined) return;
    this.waiting.delete(id);
    clearTimeout(asked.timer);
    asked.answer(sample ?? { milliseconds: performance.now() - asked.askedAt });
  }
}
