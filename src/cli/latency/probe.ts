import { randomBytes } from "node:crypto";
import type { ServerFrame } from "../../protocol/server-frames.ts";
import { errorLines } from "../cli-error.ts";
import type { Credential } from "../server/sign-in.ts";
import { type OpenSocket, openSocket } from "../server/socket.ts";
import type { Target } from "../server/target.ts";
import type { Sample } from "./samples.ts";

/** What is asked: `ping`, answered at once and free, or `message`, answered when it is stored, and a request of the plan. */
export type ProbeRequest = "ping" | "message";

interface PendingProbe {
  readonly sentAt: number;
  readonly resolve: (sample: Sample) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Asks the server something again and again, over one socket, which is opened anew when it breaks. */
export class Probe {
  private socket: OpenSocket | undefined;
  private opening: Promise<void> | undefined;
  private readonly pending = new Map<string, PendingProbe>();
  private count = 0;
  /** In the ids of its messages: one that was stored in an earlier run would be acked as a duplicate. */
  private readonly idPrefix = randomBytes(8).toString("hex");

  /** `patience`: milliseconds after which an answer counts as lost. */
  constructor(
    private readonly target: Target,
    private readonly credential: Credential,
    private readonly conversation: string,
    private readonly request: ProbeRequest,
    private readonly timeoutMs: number,
  ) {}

  /** Opens the socket. Throws a `CliError` when it is not let in. */
  async open(): Promise<void> {
    this.socket = await openSocket(this.target, this.credential, this.conversation, {
      received: (frame) => this.received(frame),
      closed: (code) => this.onClose(`closed with ${code}`),
    });
  }

  /** Asks once. Never throws: what keeps the answer away is a loss. */
  async send(): Promise<Sample> {
    if (this.socket === undefined) {
      this.opening ??= this.open().finally(() => {
        this.opening = undefined;
      });
      const problem = await this.opening.catch((error: unknown) => errorLines(error)[0]!);
      if (problem !== undefined) return { lost: problem };
    }
    const id = `${this.idPrefix}-${this.count++}`;
    const { promise, resolve } = Promise.withResolvers<Sample>();
    const timer = setTimeout(
      () => this.settle(id, { lost: `none in ${this.timeoutMs / 1000} s` }),
      this.timeoutMs,
    );
    this.pending.set(id, { sentAt: performance.now(), resolve, timer });
    this.socket!.send(
      this.request === "ping" ? { type: "ping", id } : { type: "message", id, text: "latency" },
    );
    return promise;
  }

  close(): void {
    for (const id of this.pending.keys()) this.settle(id, { lost: "ended" });
    this.socket?.close();
  }

  private received(frame: ServerFrame): void {
    if (frame.type === "pong" || frame.type === "ack") this.settle(frame.id ?? "");
    if (frame.type === "error" && frame.id !== undefined) this.settle(frame.id, { lost: frame.code });
  }

  private onClose(reason: string): void {
    this.socket = undefined;
    for (const id of this.pending.keys()) this.settle(id, { lost: reason });
  }

  private settle(id: string, sample?: Sample): void {
    const probe = this.pending.get(id);
    if (probe === undefined) return;
    this.pending.delete(id);
    clearTimeout(probe.timer);
    probe.resolve(sample ?? { milliseconds: performance.now() - probe.sentAt });
  }
}
