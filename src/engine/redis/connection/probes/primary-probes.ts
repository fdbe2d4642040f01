import type { Cluster } from "ioredis";
import type { Emit } from "../../../../core/events/events.ts";
import { BUCKET_TAGS } from "../buckets.ts";
import { classifyError, explainError } from "../errors.ts";
import type { Keys } from "../keys.ts";
import { RunningTime } from "./running-time.ts";
import { writeProbe } from "./write-probe.ts";

export interface PrimaryProbesDeps {
  readonly cluster: Cluster;
  readonly keys: Keys;
  readonly node: string;
  readonly description: string;
  readonly emit: Emit;
  /** How long a replica may take to have the write of a probe, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs: number | undefined;
  /** A time in milliseconds that does not step. */
  readonly now: () => number;
}

/** How often each primary gets a probe, in milliseconds. */
export const PRIMARY_PROBE_INTERVAL_MS = 500;

/** How long a primary may fail to reply, while this node runs, before it counts as unavailable, in milliseconds. One that refuses a write counts at once. */
const UNREACHABLE_TIMEOUT_MS = 2_000;

/** Number of slots of Redis Cluster. */
const SLOTS = 16_384;

/** Returns the slot of a hash tag: CRC16 (XMODEM) modulo 16,384, by the specification of Redis Cluster. */
function slotOfTag(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % SLOTS;
}

const BUCKET_SLOTS = BUCKET_TAGS.map(slotOfTag);

interface ProbedPrimary {
  /** A bucket of its slots, in which the probe is written. */
  bucket: number;
  inFlight: boolean;
  /** Since when its probes fail, as a time of `running`; undefined while they succeed. */
  failingSince: number | undefined;
  /** The first reason why its buckets cannot be written; undefined while they can. */
  problem: string | undefined;
}

/**
 * Checks in Cluster whether every primary with buckets accepts writes. The probe of RedisClient covers only the primary with the
 * keys that all nodes share: while another one refuses writes, the node is ready, but the conversations and users of that
 * primary's buckets cannot be written.
 */
export class PrimaryProbes {
  /** By address. Buckets in slots that no primary serves have the address "". */
  private primaries = new Map<string, ProbedPrimary>();
  private problemText = "";
  private readonly running: RunningTime;

  constructor(private readonly deps: PrimaryProbesDeps) {
    this.running = new RunningTime(PRIMARY_PROBE_INTERVAL_MS, deps.now);
  }

  /** Whether no primary is known to refuse writes or to be unreachable. */
  get allWritable(): boolean {
    return this.problemText === "";
  }

  /** Sends a probe to each primary that has answered the one before it. Called every PRIMARY_PROBE_INTERVAL_MS. */
  run(): void {
    this.running.tick();
    this.primaries = this.presentPrimaries();
    this.report();
    for (const [address, primary] of this.primaries) if (!primary.inFlight) this.probe(address, primary);
  }

  /** Returns the primaries that the client knows now. Those that were known before keep their state. */
  private presentPrimaries(): Map<string, ProbedPrimary> {
    const { slots } = this.deps.cluster;
    const present = new Map<string, ProbedPrimary>();
    for (const [bucket, slot] of BUCKET_SLOTS.entries()) {
      const address = slots[slot]?.[0] ?? "";
      if (present.has(address)) continue;
      const known = this.primaries.get(address);
      if (known !== undefined) known.bucket = bucket;
      present.set(address, known ?? { bucket, inFlight: false, failingSince: undefined, problem: undefined });
    }
    return present;
  }

  private async probe(address: string, primary: ProbedPrimary): Promise<void> {
    const { cluster, keys, node, replicaTimeoutMs } = this.deps;
    const sentAt = this.running.passed;
    primary.inFlight = true;
    try {
      await writeProbe(cluster, keys.bucketProbeKey(primary.bucket), node, replicaTimeoutMs);
      primary.failingSince = undefined;
      primary.problem = undefined;
    } catch (error) {
      primary.failingSince ??= sentAt;
      const isLate = this.running.passed - primary.failingSince >= UNREACHABLE_TIMEOUT_MS;
      if (isLate || classifyError(error)?.refuses === true)
        primary.problem ??= `${address === "" ? "a slot without a primary" : address}: ${explainError(String(error))}`;
    }
    primary.inFlight = false;
    this.report();
  }

  /** Logs a change of the problems. */
  private report(): void {
    const { emit, description } = this.deps;
    const problems = [...this.primaries.values()].flatMap(({ problem }) => problem ?? []);
    const text = problems.join("; ");
    if (text === this.problemText) return;
    this.problemText = text;
    if (text === "") emit("store.all_writable", { store: description });
    else emit("store.partly_unavailable", { store: description, problems });
  }
}
