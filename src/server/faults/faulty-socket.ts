import type { Clock } from "../../core/ports/clock.ts";
import type { ServerFrameType } from "../../protocol/server-frames.ts";
import type { Socket } from "../socket/connection-deps.ts";
import { DelayQueue } from "./delay-queue.ts";

/** What a line tells the connection at its end. */
export interface FaultySocketListener {
  /** All that was held back for the peer has left. */
  drained(): void;
  /** The time of a freeze is over, or it was ended. */
  thawed(): void;
  /** Something that was held back threw when it was let go. */
  failed(error: unknown): void;
}

/** Why a socket is not read; it is read again when no reason is left. */
type PauseReason = "session" | "frozen" | "full";

/** How often it is looked whether something is due, in milliseconds; only while something is held back. */
const RELEASE_INTERVAL_MS = 5;

/** What may be held back of one peer's frames before its socket is not read any further. */
const MAX_HELD = { frames: 256, bytes: 1024 * 1024 };

/**
 * A socket whose line can be disturbed: frozen, slow, or losing frames. Undisturbed it hands everything through.
 *
 *   peer ──▶ arrives ──▶ [inbound] ──▶ connection ──▶ sendText … ──▶ [outbound] ──▶ peer
 *
 * What it holds back of the server's frames counts as unsent, so that a reader who is kept from reading is closed as
 * one who does not read (B1); after the close that was to follow them nothing is taken any more.
 */
export class FaultySocket implements Socket {
  private readonly inbound = new DelayQueue();
  private readonly outbound = new DelayQueue();
  private readonly dropsLeft = new Map<string, number>();
  private readonly pauses = new Set<PauseReason>();
  private delayMs = 0;
  private thawAt: number | undefined;
  private stopReleasing: (() => void) | undefined;
  /** A close waits for what was sent before it. */
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

  /** Neither reads nor writes for so many milliseconds. */
  freeze(milliseconds: number): void {
    this.thawAt = this.clock.now() + milliseconds;
    this.addPause("frozen");
    this.startReleasing();
  }

  /** Ends a freeze; what was held back follows in its order. */
  thaw(): void {
    if (this.thawAt === undefined) return;
    this.thawAt = undefined;
    this.unpause("frozen");
    this.listener.thawed();
    this.release();
  }

  /** Has everything come so many milliseconds later from now on, in both directions; 0 ends it. */
  delay(milliseconds: number): void {
    this.delayMs = milliseconds;
    const latest = this.clock.now() + milliseconds;
    this.inbound.limitDelay(latest);
    this.outbound.limitDelay(latest);
    this.release();
  }

  /** Does not send the next `count` frames of `type`, though it says that it did. */
  dropNext(type: ServerFrameType, count: number): void {
    if (count > 0) this.dropsLeft.set(type, count);
    else this.dropsLeft.delete(type);
  }

  /** Something came from the peer; `go` has the connection work on it. */
  receive(bytes: number, go: () => void): void {
    if (!this.holds(this.inbound)) {
      go();
      return;
    }
    this.inbound.add(this.clock.now() + this.delayMs, bytes, go);
    if (this.inbound.length >= MAX_HELD.frames || this.inbound.bytes >= MAX_HELD.bytes) this.addPause("full");
    this.startReleasing();
  }

  /** The socket is closed. Returns what had come from the peer and was still held back. */
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
      // Going on after a frame that was dropped would be a hole that nobody sees.
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
