import type { ServerFrame } from "../../protocol/server-frames.ts";
import type { OpenSocket } from "../server/socket.ts";
import { BenchCounters } from "./counters.ts";
import { type BenchPlan, limitRefusal, messageCount } from "./plan.ts";
import { dueAt, dueCount } from "./schedule.ts";

/** How long to wait for acks after the last message was sent, in milliseconds. */
const ACK_TIMEOUT_MS = 5_000;

/** Most messages without an ack in all: a server that no longer responds must not fill this machine's memory. */
const MAX_IN_FLIGHT = 100_000;

/** One client: its socket, and when each of its unacked messages was due, by id. */
interface Client {
  readonly socket: OpenSocket;
  readonly inFlight: Map<string, number>;
}

/**
 * Sends messages over open sockets, and counts their acks.
 *
 * With a rate, each message is due at a fixed time, and its ack time counts from then: if the server stalls for a second,
 * the results include the delay of every message that was due in that second. Without a rate, each client sends its next
 * message when one is acked, which measures the maximum throughput and hides stalls.
 */
export class BenchRun {
  readonly counters = new BenchCounters();
  /** Resolves when all messages are answered or timed out; with a sentence if the run ended early. */
  readonly ended: Promise<string | undefined>;
  private readonly end: (reason: string | undefined) => void;
  private readonly text: string;
  /** How many messages to send. */
  private readonly messages: number;
  private clients: readonly Client[] = [];
  private phase: "opening" | "sending" | "waiting" | "over" = "opening";
  private startedAt = 0;
  private sent = 0;
  /** How many messages are sent and not answered. */
  private inFlight = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `idPrefix` makes the message ids unique: an id that was stored in an earlier run would be acked as a duplicate. */
  constructor(
    private readonly plan: BenchPlan,
    private readonly user: string,
    private readonly idPrefix: string,
  ) {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.ended = promise;
    this.end = resolve;
    this.text = "x".repeat(plan.size);
    this.messages = messageCount(plan);
  }

  /** Starts sending. */
  begin(sockets: readonly OpenSocket[]): void {
    this.clients = sockets.map((socket) => ({ socket, inFlight: new Map() }));
    if (this.phase === "opening") this.start();
    // The run was ended while the sockets were being opened.
    else this.closeAll();
  }

  /** Returns how much of the run is done, from 0 to 1. */
  progress(): number {
    const { duration } = this.plan;
    const timeShare = duration === undefined ? 0 : this.now() / 1000 / duration;
    return Math.max(timeShare, (this.counters.acked + this.counters.failed) / this.messages);
  }

  /** Ends the run. */
  stop(reason?: string): void {
    if (this.phase === "over") return;
    this.phase = "over";
    clearTimeout(this.timer);
    this.counters.fail(this.now(), "unanswered", this.inFlight);
    this.closeAll();
    this.end(reason);
  }

  /** The client with this number received a frame. */
  received(number: number, frame: ServerFrame): void {
    const client = this.clients[number];
    if (frame.type === "warning" && frame.code === "flooding") this.stop(limitRefusal("flooding", this.user));
    if (client === undefined || (frame.type !== "ack" && frame.type !== "error")) return;
    const due = client.inFlight.get(frame.id ?? "");
    if (due === undefined) return;
    client.inFlight.delete(frame.id!);
    this.inFlight--;
    if (frame.type === "ack") this.counters.ack(this.now(), due);
    else this.counters.fail(this.now(), frame.code);
    if (frame.type === "error" && frame.code === "rate_limited")
      this.stop(limitRefusal("rate_limited", this.user));
    if (this.plan.rate === undefined) this.send(client, this.now());
    this.endIfAnswered();
  }

  /** The client with this number has lost its socket. */
  lost(number: number, code: number): void {
    const client = this.clients[number];
    if (client !== undefined) {
      this.counters.fail(this.now(), `closed_${code}`, client.inFlight.size);
      this.inFlight -= client.inFlight.size;
      client.inFlight.clear();
    }
    this.stop(`The server closed a connection with ${code}; \`parley error ${code}\` explains it.`);
  }

  private start(): void {
    const { duration, rate, inFlight } = this.plan;
    this.startedAt = performance.now();
    this.phase = "sending";
    if (rate !== undefined) this.sendDue(rate);
    else {
      if (duration !== undefined) setTimeout(() => this.finish(), duration * 1000).unref();
      for (const client of this.clients)
        for (let slot = 0; slot < inFlight; slot++) this.send(client, this.now());
    }
  }

  private send(client: Client, due: number): void {
    if (this.sent >= this.messages) this.finish();
    if (this.phase !== "sending") return;
    const id = `${this.idPrefix}-${this.sent++}`;
    client.inFlight.set(id, due);
    this.inFlight++;
    client.socket.send({ type: "message", id, text: this.text });
    this.counters.send(this.now(), due);
  }

  /** Sends all messages that are due, and sets a timer for the next one. */
  private sendDue(rate: number): void {
    const due = Math.min(dueCount(this.now(), rate), this.messages);
    while (this.sent < due && this.phase === "sending") {
      if (this.inFlight < MAX_IN_FLIGHT)
        this.send(this.clients[this.sent % this.clients.length]!, dueAt(this.sent, rate));
      else this.stop(`${MAX_IN_FLIGHT} messages are unacked: the server does not keep up.`);
    }
    if (this.sent >= this.messages) this.finish();
    if (this.phase === "sending")
      this.timer = setTimeout(() => this.sendDue(rate), Math.max(0, dueAt(this.sent, rate) - this.now()));
  }

  /** All messages are sent: waits for the remaining acks. */
  private finish(): void {
    if (this.phase !== "sending") return;
    this.phase = "waiting";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stop(), ACK_TIMEOUT_MS);
    this.endIfAnswered();
  }

  private endIfAnswered(): void {
    if (this.phase === "waiting" && this.inFlight === 0) this.stop();
  }

  private closeAll(): void {
    for (const { socket } of this.clients) socket.close();
  }

  /** Returns the milliseconds since the start. */
  private now(): number {
    return this.startedAt === 0 ? 0 : performance.now() - this.startedAt;
  }
}
