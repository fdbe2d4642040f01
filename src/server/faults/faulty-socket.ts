import type { Clock } from "../../core/ports/clock.ts";
import type { ServerFrameType } from "../../protocol/server-frames.ts";
import type { Socket } from "../socket/connection-deps.ts";
import { DelayQueue } from "./delay-queue.ts";

/** Callbacks from a faulty socket to its connection. */
export interface FaultySocketListener {
  /** All frames that were held back for the peer have been sent. */
  drained(): void;
  /** A freeze has ended, because its time is over or it was cleared. */
  thawed(): void;
  /** A delayed action threw when it was carried out. */
  failed(error: unknown): void;
}

/** A reason for not reading the socket. It is read again when no reason is left. */
type PauseReason = "session" | "frozen" | "full";

/** How often the queues are checked for due actions, in milliseconds; only while something is held back. */
const RELEASE_INTERVAL_MS = 5;

/** The most frames from one peer that are held back before its socket is no longer read. */
const MAX_HELD = { frames: 256, bytes: 1024 * 1024 };

/**
 * A socket with injected faults: frozen, slow, or losing frames. Without a fault it passes everything on unchanged.
 *
 *   peer ──▶ arrives ──▶ [inbound] ──▶ connection ──▶ sendText … ──▶ [outbound] ──▶ peer
 *
 * Frames of the server that it holds back count as unsent. So a client behind a fault is closed like a client that does not
 * read (B1). After a close that waits behind such frames, further frames are dropped.
 */
export class FaultySocket implements Socket {
  private readonly inbound = new DelayQueue();
  private readonly outbound = new DelayQueue();
  private readonly dropsLeft = new Map<string, number>();
  private readonly pauses = new Set<PauseReason>();
  private delayMs = 0;
  private thawAt: number | undefined;
  private stopReleasing: (() => void) | undefined;
  /** Whether a close waits for the frames sent before it. */
  private closing = false;
  private ended = false;

  constructor(
    private readonly socket: Socket,
    private readonly clock: Clock,
    private readonly listener: FaultySocketListener,
  ) {}

  get isFrozen(): boolean {
    return this.thawAt !== undefined;
  }

  /** Stops reading and writing for this many milliseconds. */
  freeze(milliseconds: number): void {
    this.thawAt = this.clock.now() + milliseconds;
    this.addPause("frozen");
    this.startReleasing();
  }

  /** Ends a freeze. The held frames follow in their order. */
  thaw(): void {
    if (this.thawAt === undefined) return;
    this.thawAt = undefined;
    this.unpause("frozen");
    this.listener.thawed();
    this.release();
  }

  /** Delays all frames by this many milliseconds from now on, in both directions; 0 ends the delay. */
  delay(milliseconds: number): void {
    this.delayMs = milliseconds;
    const latest = this.clock.now() + milliseconds;
    this.inbound.limitDelay(latest);
    this.outbound.limitDelay(latest);
    this.release();
  }

  /** Drops the next `count` frames of `type`, but reports them as sent. */
  dropNext(type: ServerFrameType, count: number): void {
    if (count > 0) this.dropsLeft.set(type, count);
    else this.dropsLeft.delete(type);
  }

  /** A frame arrived from the peer; `go` passes it to the connection. */
  receive(bytes: number, go: () => void): void {
    if (!this.holds(this.inbound)) {
      go();
      return;
    }
    this.inbound.add(this.clock.now() + this.delayMs, bytes, go);
    if (this.inbound.length >= MAX_HELD.frames || this.inbound.bytes >= MAX_HELD.bytes) this.addPause("full");
    this.startReleasing();
  }

  /** The socket is closed. Returns the actions for frames of the peer that were still held back. */
  end(): (() => void)[] {
    this.ended = true;
    this.stopReleasing?.();
    this.stopReleasing = undefined;
    this.outbound.clear();
    return this.inbound.clear();
  }

  sendText(frame: string): number {
    if (this.closing || this.ended) return 0;
    if (this.dropsLeft.size > 0 && this.isDropped(frame)) return frame.length;
    if (!this.holds(this.outbound)) return this.socket.sendText(frame);
    this.enqueue(Buffer.byteLength(frame), () => {
      // Sending on after a dropped frame would leave a gap that the client cannot notice.
      if (this.socket.sendText(frame) === 0) this.terminate();
    });
    return -1;
  }

  cork: Socket["cork"] = (callback) => this.socket.cork(callback);

  getBufferedAmount(): number {
    return this.socket.getBufferedAmount() + this.outbound.bytes;
  }

  ping(): number {
    if (!this.holds(this.outbound)) return this.socket.ping();
    this.enqueue(0, () => this.socket.ping());
    return -1;
  }

  pause(): void {
    this.addPause("session");
  }

  resume(): void {
    this.unpause("session");
  }

  close(code?: number, reason?: string): void {
    this.closing = true;
    if (this.holds(this.outbound)) this.enqueue(0, () => this.socket.close(code, reason));
    else this.socket.close(code, reason);
  }

  terminate(): void {
    this.end();
    this.socket.terminate();
  }

  private holds(queue: DelayQueue): boolean {
    return this.isFrozen || this.delayMs > 0 || queue.length > 0;
  }

  private enqueue(bytes: number, go: () => void): void {
    this.outbound.add(this.clock.now() + this.delayMs, bytes, go);
    this.startReleasing();
  }

  private isDropped(frame: string): boolean {
    const type = /^\{"type":"(\w+)"/.exec(frame)?.[1] ?? "";
    const left = this.dropsLeft.get(type);
    if (left === undefined) return false;
    if (left > 1) this.dropsLeft.set(type, left - 1);
    else this.dropsLeft.delete(type);
    return true;
  }

  private addPause(reason: PauseReason): void {
    if (this.pauses.size === 0) this.socket.pause();
    this.pauses.add(reason);
  }

  private unpause(reason: PauseReason): void {
    if (this.pauses.delete(reason) && this.pauses.size === 0) this.socket.resume();
  }

  private startReleasing(): void {
    this.stopReleasing ??= this.clock.every(RELEASE_INTERVAL_MS, () => this.release());
  }

  private release(): void {
    try {
      this.releaseDue();
    } catch (error) {
      this.listener.failed(error);
    }
  }

  private releaseDue(): void {
    const now = this.clock.now();
    if (this.thawAt !== undefined) {
      if (now >= this.thawAt) this.thaw();
      return;
    }
    const { inbound, outbound } = this;
    const owed = outbound.length > 0;
    inbound.release(now);
    outbound.release(now);
    if (this.ended) return;
    if (inbound.length < MAX_HELD.frames / 2 && inbound.bytes < MAX_HELD.bytes / 2) this.unpause("full");
    if (owed && outbound.length === 0 && this.socket.getBufferedAmount() === 0) this.listener.drained();
    if (inbound.length > 0 || outbound.length > 0) return;
    this.stopReleasing?.();
    this.stopReleasing = undefined;
  }
}
