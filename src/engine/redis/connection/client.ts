import { Cluster, Redis } from "ioredis";
import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { RedisAddress } from "../../../core/redis-address.ts";
import { Listeners } from "../../listeners.ts";
import { describeAddress } from "./describe-address.ts";
import { classifyError, explainError, isInformative, isLastingRefusal } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { openConnection } from "./open-connection.ts";
import { checkPermissions } from "./permissions.ts";
import { RunningTime } from "./probes/running-time.ts";
import { PROBE_TTL_MS, writeProbe } from "./probes/write-probe.ts";
import type { Script } from "./script.ts";
import { WrongTypeReporter } from "./wrong-types.ts";

export interface RedisClientDeps {
  readonly address: RedisAddress;
  readonly keys: Keys;
  /** The name of this node, unique among the nodes of the store. */
  readonly node: string;
  readonly clock: Pick<Clock, "now" | "every">;
  readonly emit: Emit;
}

/** Receives the payloads of a channel. */
export type ChannelHandler = (payload: string, channel: string) => void;

/** The interval of the probes, and how long a probe may take to come back while this node runs, in milliseconds. */
const PROBE_INTERVAL_MS = 500;
const PROBE_TIMEOUT_MS = 2_000;

/**
 * The connections of one node to Redis: one for commands, one for subscriptions.
 *
 * Redis is *reachable* when a probe succeeded: a write went through, and a message that this node published on its own channel
 * came back. A Redis can reply and still refuse every write, and after a failover a subscriber can be connected and receive
 * nothing. Redis is *ready* when the recovery after that is done, too (recovery.ts). While Redis is unavailable, commands fail at
 * once. They are not queued, because a command that is sent twice may be carried out twice.
 */
export class RedisClient {
  readonly keys: Keys;
  readonly node: string;
  readonly isCluster: boolean;
  /** Whether announcements stay in their slot's shard. A Cluster before 7 sends all of them to all of its nodes. */
  isSharded: boolean;
  readonly description: string;
  readonly commands: Redis | Cluster;
  private readonly subscriber: Redis | Cluster;
  private readonly emit: Emit;
  private readonly clock: RedisClientDeps["clock"];
  private readonly handlers = new Map<string, ChannelHandler>();
  private readonly listeners = new Listeners<boolean>();
  private state: "away" | "recovering" | "ready" = "away";
  /** Counts the losses of Redis: a recovery that began before the newest loss is void. */
  private lossCount = 0;
  private recovery: () => Promise<void> = async () => {};
  /** How long a replica may take to have the write of a probe, in milliseconds; undefined: the primary is enough. */
  private replicaTimeoutMs: number | undefined;
  private closed = false;
  private stopProbing: (() => void) | undefined;
  /** The numbers of the newest probes that were sent, written and published, and received. */
  private probe = 0;
  private probePublished = 0;
  private probeReceived = 0;
  private probeInFlight = false;
  private readonly running: RunningTime;
  /** When the oldest probe was sent that has not come back, as a time of `running`. */
  private unansweredSince = 0;
  /** Set when Redis refused a call: the next probe checks all permissions. */
  private mustCheckPermissions = false;
  private abandonStart: (() => void) | undefined;
  private lastError = "";
  private readonly wrongTypes: WrongTypeReporter;

  constructor({ address, keys, node, clock, emit }: RedisClientDeps) {
    this.keys = keys;
    this.node = node;
    this.emit = emit;
    this.clock = clock;
    this.running = new RunningTime(PROBE_INTERVAL_MS, () => clock.now());
    this.wrongTypes = new WrongTypeReporter((key) => this.commands.type(key), emit);
    this.isCluster = address.kind === "cluster";
    this.isSharded = this.isCluster;
    this.description = describeAddress(address);
    this.commands = openConnection(address, "commands");
    // The Cluster client of ioredis chooses the right connection for each channel.
    this.subscriber =
      this.commands instanceof Cluster ? this.commands : openConnection(address, "subscriber");
    for (const client of new Set([this.commands, this.subscriber])) {
      client.on("error", (error: Error) => this.recordError(error));
      client.on("node error", (error: Error) => this.recordError(error));
      // At once and not at the next interval, because a command of the command line takes less time than that.
      client.on("ready", () => this.stopProbing !== undefined && !this.closed && this.sendProbe());
      client.on("close", () => this.declareLost("the connection was closed"));
    }
    const onMessage: ChannelHandler = (channel, payload) => this.handlers.get(channel)?.(payload, channel);
    this.subscriber.on("message", onMessage);
    if (this.isCluster) this.subscriber.on("smessage", onMessage);
  }

  /** The reason why Redis cannot be used, for an operator. */
  get lastErrorText(): string {
    return explainError(this.lastError);
  }

  /** Whether Redis is ready. Requests of clients are refused while it is not. */
  get ready(): boolean {
    return this.state === "ready";
  }

  /** Whether Redis accepts writes and probes come back. The recovery may not be done yet. */
  get reachable(): boolean {
    return this.state !== "away";
  }

  /** Whether the last error was a refusal by Redis, and not a missing connection. */
  get refuses(): boolean {
    return classifyError(this.lastError)?.refuses === true;
  }

  /** Whether the Redis user lacks a permission that Parley needs, or the database cannot be selected, so that waiting does not help. */
  get refusesForGood(): boolean {
    return isLastingRefusal(this.lastError);
  }

  /** Sets the function that runs each time Redis is reachable again, before `ready` is true. If it rejects, it is run again. */
  onRecovery(recovery: () => Promise<void>): void {
    this.recovery = recovery;
  }

  /** From now on Redis is ready only if a replica confirms the write of a probe within `timeoutMs`. */
  waitForReplica(timeoutMs: number): void {
    this.replicaTimeoutMs = timeoutMs;
  }

  /** The servers with the data: one server, or in Cluster the present primaries. */
  get primaries(): Redis[] {
    return this.commands instanceof Cluster ? this.commands.nodes("master") : [this.commands];
  }

  /** Calls `listener` each time `ready` changes. Returns a function that ends that. */
  watchReady(listener: (ready: boolean) => void): () => void {
    return this.listeners.add(listener);
  }

  /**
   * Starts the probes. Resolves with true when Redis is ready, and with false when it is not within `timeoutMs`, a
   * permission is missing, or the database cannot be selected.
   */
  async start(timeoutMs: number): Promise<boolean> {
    this.handlers.set(this.keys.probeChannel(this.node), (payload) => this.onProbe(Number(payload)));
    this.stopProbing = this.clock.every(PROBE_INTERVAL_MS, () => this.sendProbe());
    this.sendProbe();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const late = setTimeout(() => resolve(false), timeoutMs);
    const stop = this.watchReady((ready) => ready && resolve(true));
    this.abandonStart = () => resolve(false);
    const answered = await promise;
    this.abandonStart = undefined;
    clearTimeout(late);
    stop();
    return answered;
  }

  /** Runs a script. All keys MUST be in one slot. */
  async run(
    script: Script,
    keys: readonly string[],
    arguments_: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await script.run(this.commands, keys, arguments_);
    } catch (error) {
      this.recheck(error);
      throw error;
    }
  }

  /**
   * Like `run`; if `timeoutMs` is given, rejects unless a replica has the writes of the script within that time. In that case the
   * primary has the writes, and they may be lost with it.
   */
  async runDurably(
    script: Script,
    keys: readonly string[],
    arguments_: readonly (string | number)[],
    timeoutMs: number | undefined,
  ): Promise<unknown> {
    if (timeoutMs === undefined) return this.run(script, keys, arguments_);
    try {
      return await script.runReplicated(this.commands, keys, arguments_, timeoutMs);
    } catch (error) {
      this.recheck(error);
      throw error;
    }
  }

  /** Called with the error of a call. If Redis refused the call, a probe checks at once whether it accepts any write. */
  recheck(error: unknown): void {
    this.wrongTypes.report(error);
    if (this.state !== "ready" || this.closed || classifyError(error)?.refuses !== true) return;
    this.mustCheckPermissions = true;
    this.recordError(error);
    this.sendProbe();
  }

  /** Calls `listener` with the payloads of channels. Resolves when Redis has subscribed. A channel has one listener. */
  async subscribe(channels: readonly string[], listener: ChannelHandler): Promise<void> {
    if (channels.length === 0) return;
    for (const channel of channels) this.handlers.set(channel, listener);
    const { subscriber } = this;
    if (this.isSharded) await Promise.all(channels.map((channel) => subscriber.ssubscribe(channel)));
    else await subscriber.subscribe(...channels);
  }

  /** Ends a subscription. */
  unsubscribe(channel: string): void {
    this.handlers.delete(channel);
    const done = this.isSharded
      ? this.subscriber.sunsubscribe(channel)
      : this.subscriber.unsubscribe(channel);
    // If this fails, the connection is being replaced, and the new one does not subscribe to the channel.
    done.catch(() => {});
  }

  /** Sends `payload` to all subscribers of a channel. */
  async publish(channel: string, payload: string): Promise<void> {
    if (this.isSharded) await this.commands.spublish(channel, payload);
    else await this.commands.publish(channel, payload);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopProbing?.();
    this.listeners.clear();
    this.commands.disconnect();
    if (this.subscriber !== this.commands) this.subscriber.disconnect();
  }

  private sendProbe(): void {
    const isLate = this.running.tick() - this.unansweredSince >= PROBE_TIMEOUT_MS;
    if (this.probeReceived < this.probe && isLate) {
      this.declareLost("this node does not receive its own announcements");
      // A new connection subscribes to all channels again. A connection that is being opened gets time for that.
      const isNotReceiving = this.probeReceived < this.probePublished;
      if (isNotReceiving && this.subscriber instanceof Redis && this.subscriber.status === "ready") {
        this.subscriber.disconnect(true);
        this.unansweredSince = this.running.passed;
      }
      // The Cluster client replaces a connection for subscriptions only when it reads the slots. It reads them when such a connection
      // ends, but cannot replace it if the connection for commands to the same server is missing just then.
      if (this.subscriber instanceof Cluster) this.subscriber.refreshSlotsCache();
    }
    if (this.probeInFlight || this.closed) return;
    if (this.probeReceived === this.probe) this.unansweredSince = this.running.passed;
    this.probeInFlight = true;
    const probe = ++this.probe;
    this.tryProbe(probe)
      .catch((error) => this.failProbe(error))
      .finally(() => {
        this.probeInFlight = false;
      });
  }

  private async tryProbe(probe: number): Promise<void> {
    const channel = this.keys.probeChannel(this.node);
    if (!this.reachable) {
      if (this.isCluster) this.isSharded = await hasShardedChannels(this.primaries);
      await this.subscribe([channel], this.handlers.get(channel)!);
    }
    if (!this.reachable || this.mustCheckPermissions) {
      await checkPermissions(this, PROBE_TTL_MS);
      this.mustCheckPermissions = false;
    }
    await writeProbe(this.commands, this.keys.globalKey("probe"), this.node, this.replicaTimeoutMs);
    await this.publish(channel, String(probe));
    this.probePublished = probe;
  }

  private failProbe(error: unknown): void {
    this.recordError(error);
    // Other errors may end within PROBE_TIMEOUT_MS, for example while a slot is moved or a connection is replaced.
    if (classifyError(error)?.refuses === true) this.declareLost("it refuses writes");
  }

  private onProbe(probe: number): void {
    this.probeReceived = Math.max(this.probeReceived, probe);
    if (this.state === "away" && !this.closed && probe === this.probe) this.recover();
  }

  /** Called when Redis is reachable again: runs the recovery, and then notifies the listeners. */
  private async recover(): Promise<void> {
    const { lossCount } = this;
    this.state = "recovering";
    try {
      await this.recovery();
    } catch (error) {
      this.recordError(error);
      // The next probe starts the recovery again.
      if (lossCount === this.lossCount) this.state = "away";
      return;
    }
    if (this.closed || lossCount !== this.lossCount) return;
    this.state = "ready";
    this.lastError = "";
    this.emit("store.connected", { store: this.description });
    this.listeners.notify(true);
  }

  /** Called when Redis does not reply, accepts no writes, or announcements do not arrive. */
  declareLost(reason: string): void {
    if (this.state === "away" || this.closed) return;
    const wasReady = this.ready;
    this.state = "away";
    this.lossCount++;
    if (!wasReady) return;
    this.emit("store.unavailable", {
      store: this.description,
      reason: this.lastError === "" ? reason : this.lastErrorText,
    });
    this.listeners.notify(false);
  }

  private recordError(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (this.lastError === "" || isInformative(text)) this.lastError = text;
    if (isLastingRefusal(text)) this.abandonStart?.();
  }
}

/** Whether a server has sharded channels, as Redis 7 and Valkey do. */
async function hasShardedChannels([primary]: readonly Redis[]): Promise<boolean> {
  const [spublish] = (await primary?.command("INFO", "spublish")) ?? [];
  return Array.isArray(spublish);
}
