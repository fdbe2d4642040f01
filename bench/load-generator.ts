import { join } from "node:path";
import { LOAD_CORE } from "./cores.ts";
import type { Protocol } from "./peers/peer.ts";

/** The job of the load generator; the fields are explained at `job` in main.go. */
export interface LoadJob {
  readonly scenario: "traffic" | "connect" | "idle" | "resume" | "slow" | "token";
  readonly port: number;
  readonly pid: number;
  readonly paths: readonly string[];
  readonly storePid?: number;
  readonly protocol: Protocol;
  readonly roomSize?: number;
  readonly asked?: number;
  readonly inFlight?: number;
  readonly textBytes?: number;
  readonly warmUp?: number;
  readonly seconds?: number;
  readonly bystanders?: number;
  readonly windows?: number;
  readonly settle?: boolean;
  readonly missed?: number;
  readonly rate?: number;
  readonly signIns?: number;
  readonly form?: string;
}

/** In milliseconds; the fields are explained at `latencyResult` in schedule.go. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly worst: number;
  readonly count: number;
  readonly sentLate: number;
}

/** One counting window; the fields are explained at `counted` in traffic.go. */
export interface Counted {
  readonly seconds: number;
  readonly answered: number;
  readonly delivered: number;
  readonly frames: number;
  readonly bytes: number;
  readonly loadBusy: number;
  readonly serverBusy: number;
  readonly storeBusy: number;
  readonly othersBusy: number;
  readonly latency?: Latency;
}

/** The result; the fields are explained at `trafficResult` in traffic.go. */
export interface TrafficResult extends Counted {
  readonly sent: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  readonly windows?: readonly Counted[];
}

/** The fields are explained at `slowResult` in slow_reader.go; memory in bytes. */
export interface SlowResult extends TrafficResult {
  readonly memoryBefore: number;
  readonly memoryMost: number;
  readonly addressed: number;
  readonly received: number;
  readonly cut: boolean;
  readonly closeCode: number;
}

/** The fields are explained at `tokenResult` in token.go. */
export interface TokenResult extends TrafficResult {
  readonly signedIn: number;
}

/** Resident memory of the server in bytes, without and with the connections. */
export interface IdleResult {
  readonly connections: number;
  readonly before: number;
  readonly after: number;
}

/** Times in milliseconds; the fields are explained at `resumeResult` in resume.go. */
export interface ResumeResult {
  readonly clients: number;
  readonly missed: number;
  readonly quietP99: number;
  readonly resumeP99: number;
  readonly quietMessages: number;
  readonly resumeMessages: number;
  readonly worst: number;
  readonly liveAfter: readonly number[];
  readonly othersBusy: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
}

export type LoadResult = TrafficResult | SlowResult | TokenResult | IdleResult | ResumeResult;

export interface LoadGenerator {
  /** The compiler it was built with, for the report. */
  readonly toolchain: string;
  /** Runs one job on the load generator's core. Throws its failure: a refusal, a cut connection, an `error` frame. */
  run(job: LoadJob): Promise<LoadResult>;
}

/** Builds the load generator into `folder`. Throws one readable line if Go is not installed. */
export async function buildGenerator(folder: string): Promise<LoadGenerator> {
  if (Bun.which("go") === null)
    throw new Error(
      "the load generator is written in Go: install Go 1.21 or newer, so that `go` is on the PATH.",
    );
  const binary = join(folder, "load");
  // GOTOOLCHAIN=local: uses the installed Go, and downloads nothing.
  const options = {
    cwd: join(import.meta.dir, "load"),
    env: { ...process.env, GOTOOLCHAIN: "local", CGO_ENABLED: "0" },
  };
  await output(Bun.spawn(["go", "build", "-o", binary, "."], { ...options, stdout: "pipe", stderr: "pipe" }));
  const version = await output(
    Bun.spawn(["go", "env", "GOVERSION"], { ...options, stdout: "pipe", stderr: "pipe" }),
  );
  return {
    toolchain: version.trim(),
    async run(job) {
      const load = Bun.spawn(["taskset", "--cpu-list", LOAD_CORE, binary], {
        stdin: Buffer.from(JSON.stringify(job)),
        stdout: "pipe",
        stderr: "pipe",
      });
      return JSON.parse(await output(load)) as LoadResult;
    },
  };
}

async function output(child: Bun.Subprocess<"ignore" | Buffer, "pipe", "pipe">): Promise<string> {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(stderr.trim() || `the load ended with code ${code}`);
  return stdout;
}
