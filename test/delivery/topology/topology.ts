import { rmSync } from "node:fs";
import { join } from "node:path";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import type { ParleyFolder, Running } from "../../cli/parley-folder.ts";
import { TEST_SECRET, testKeys } from "../../support/server/tokens.ts";
import type { FaultProxy } from "../fault-proxy.ts";
import { STEP_TIMEOUT_MS } from "../timeouts.ts";

/** The servers of a run, and the faults injected into them. */
export interface Topology extends AsyncDisposable {
  /** A running server. */
  readonly url: string;
  /** All running servers. */
  readonly urls: readonly string[];
  /** Milliseconds after which a confirmed change of members must have reached every server. */
  readonly memberDelay: number;
  readonly kills: number;
  readonly drains: number;
  /** Unexpected or unclean ends; a sentence for each. */
  readonly crashes: readonly string[];
  /** How often the store may have lost acked messages. */
  readonly storesLost: number;
  /** Whether charges and messages are on different servers, so that one may be lost without the other. */
  readonly partsMayDiffer: boolean;
  readonly strikes: number;
  /** Whether the next fault of this kind may lose acked messages. */
  mayLose(what: "kill" | "drain" | "strike"): boolean;
  /**
   * Milliseconds for which a server was running; on a busy machine a restart takes long, and nothing can be proven
   * meanwhile.
   */
  elapsed(): number;
  kill(): Promise<void>;
  drain(): Promise<void>;
  /** Injects this run's fault into the store. */
  strike(): Promise<void>;
  /** Resolves when the faults so far are over: the others may return before. */
  faultsEnded(): Promise<void>;
  /** Resolves when all that was done to it is over. */
  waitUntilHealthy(): Promise<void>;
}

export interface TopologyOptions {
  /** How many of the kills take the store along, as a broken disk would. */
  readonly losses?: number;
  /** Newest messages that a conversation keeps; all without it. */
  readonly retention?: number;
  /** Arguments on the command line of the server. */
  readonly programArguments?: string[];
  /** Whether no line counts as dead, however late the answer to a ping is. */
  readonly isPatient?: boolean;
}

/** Milliseconds in which one server carries out a ban (MB2), and a margin for a busy machine. */
const MEMBER_DELAY_MS = 1_500;

/** Hours' quota that no run reaches, so that every message is charged and none refused. */
const REQUESTS_PER_HOUR = 1_000_000;

/** Seconds that no answer to a ping takes. */
const PATIENT_PONG_TIMEOUT = "600";

export const serverEnvironment = ({ retention, isPatient = false }: TopologyOptions) => ({
  SECRET_KEY: TEST_SECRET,
  PLANS: `free:${REQUESTS_PER_HOUR}:0`,
  BURST_RATE: "0",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
  // A half-open connection is a ghost until the server has detected it.
  PING_INTERVAL: "1",
  PONG_TIMEOUT: isPatient ? PATIENT_PONG_TIMEOUT : "1",
  DRAIN_SECONDS: "1",
  STREAM_LEASE: "2",
  STARTUP_TIMEOUT: String(STEP_TIMEOUT_MS / 1000),
  ...(retention !== undefined && { RETENTION_MESSAGES: String(retention) }),
});

/** One server on its folder, behind the proxy. */
export class SingleServer implements Topology {
  kills = 0;
  drains = 0;
  readonly strikes = 0;
  readonly partsMayDiffer = false;
  readonly memberDelay = MEMBER_DELAY_MS;
  readonly crashes: string[] = [];
  private server: Running | undefined;
  /** How long earlier servers ran, in milliseconds, and when the present one was started. */
  private previousUptime = 0;
  private openedAt = performance.now();

  constructor(
    private readonly folder: ParleyFolder,
    private readonly proxy: FaultProxy,
    private readonly options: TopologyOptions,
  ) {}

  get url(): string {
    return this.server?.url ?? "";
  }

  get urls(): readonly string[] {
    return [this.url];
  }

  get storesLost(): number {
    return this.options.losses ?? 0;
  }

  mayLose(what: "kill" | "drain" | "strike"): boolean {
    return what === "kill" && this.kills < (this.options.losses ?? 0);
  }

  elapsed(): number {
    return this.previousUptime + performance.now() - this.openedAt;
  }

  async open(): Promise<void> {
    const server = await this.folder.serve(this.options.programArguments, serverEnvironment(this.options));
    this.server = server;
    this.proxy.target = Number(new URL(server.url).port);
    this.openedAt = performance.now();
  }

  async kill(): Promise<void> {
    const { signalCode, exitCode } = await this.end("SIGKILL");
    if (signalCode !== "SIGKILL") this.crashes.push(`the server ended with ${exitCode} before it was killed`);
    if (this.kills++ < (this.options.losses ?? 0))
      rmSync(join(this.folder.path, "data"), { recursive: true });
    await this.open();
  }

  async drain(): Promise<void> {
    const { exitCode } = await this.end("SIGTERM");
    if (exitCode !== 0) this.crashes.push(`the server ended with ${exitCode} at SIGTERM`);
    this.drains++;
    await this.open();
  }

  async strike(): Promise<void> {}

  async faultsEnded(): Promise<void> {}

  async waitUntilHealthy(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }

  private async end(signal: "SIGKILL" | "SIGTERM"): Promise<Running["process"]> {
    const { process } = this.server!;
    this.previousUptime = this.elapsed();
    process.kill(signal);
    await process.exited;
    this.proxy.target = undefined;
    return process;
  }
}

/** A token of `subject` that the server on the stage accepts. */
export async function tokenOf(subject: string): Promise<string> {
  return signToken(await testKeys(), { subject, now: Date.now() });
}
