import { randomBytes } from "node:crypto";
import type { ServerFrame } from "../../protocol/server-frames.ts";
import { errorLines } from "../cli-error.ts";
import type { Credential } from "../server/sign-in.ts";
import { type OpenSocket, openSocket } from "../server/socket.ts";
import type { Target } from "../server/target.ts";
import type { Sample } from "./samples.ts";

/** The request to measure: `ping` is answered at once and free; `message` is answered once stored, and costs a request of the plan. */
export type ProbeRequest = "ping" | "message";

interface PendingProbe {
  readonly sentAt: number;
  readonly resolve: (sample: Sample) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Sends single requests over one socket, which is opened again when it is lost. */
export class Probe {
  private socket: OpenSocket | undefined;
  private opening: Promise<void> | undefined;
  private readonly pending = new Map<string, PendingProbe>();
  private count = 0;
  /** Makes the message ids unique: an id that was stored in an earlier run would be acked as a duplicate. */
  private readonly idPrefix = randomBytes(8).toString("hex");

  /** `timeoutMs`: milliseconds after which a reply counts as lost. */
  constructor(
    private readonly target: Target,
    private readonly credential: Credential,
    private readonly conversation: string,
    private readonly request: ProbeRequest,
    private readonly timeoutMs: number,
  ) {}

  /** Opens the socket. Throws a `CliError` if it is rejected. */
  async open(): Promise<void> {
    this.socket = await openSocket(this.target, this.credential, this.conversation, {
      received: (frame) => this.received(frame),
      closed: (code) => this.onClose(`closed with ${code}`),
    });
  }

  /** Sends one request. Never throws: without a reply the sample is lost. */
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
      () => this.settle(id, { lost: `none within ${this.timeoutMs / 1000} s` }),
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
