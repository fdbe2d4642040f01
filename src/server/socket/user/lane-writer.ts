import type { LaneLoad } from "../../../core/session/user/behind.ts";
import { OutgoingQueue } from "../../../core/session/user/outgoing.ts";
import type { Socket } from "../connection-deps.ts";

/** The most bytes that are given to the runtime ahead of the line (MX4). One frame may be longer. */
export const MAX_AHEAD_BYTES = 64 * 1024;

/** The most bytes that the header of a frame from the server takes (RFC 6455 §5.2). */
const FRAME_HEADER_BYTES = 10;

/**
 * The sending half of the socket of a user. Frames wait in a queue by conversation, and only a few bytes are given to the
 * runtime ahead of the line, so that a busy conversation delays no other.
 */
export class LaneWriter {
  private readonly queue = new OutgoingQueue();
  /** Whether a flush is scheduled for the end of this turn of the event loop. */
  isScheduled = false;
  private readonly waiters = new Map<string, (() => void)[]>();

  /** `onPagesLeft` is called when no frame of a page waits in a lane any more. */
  constructor(private readonly onPagesLeft: (lane: string) => void) {}

  /** Whether a frame waits. */
  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  /** Bytes that wait in the server, without those of pages. */
  get unsent(): number {
    return this.queue.bytes;
  }

  /** Queues a frame about the connection itself. It goes before all others. */
  addFirst(frame: string): void {
    this.queue.addFirst(frame, Buffer.byteLength(frame) + FRAME_HEADER_BYTES);
  }

  /** Queues a frame of a lane. The bytes of a page are no back-pressure. */
  add(lane: string, frame: string, isPage: boolean): void {
    this.queue.add(lane, frame, Buffer.byteLength(frame) + FRAME_HEADER_BYTES, isPage);
  }

  isLaneEmpty(lane: string): boolean {
    return this.queue.isEmpty(lane);
  }

  /** The lanes with bytes that wait, those with the most first. */
  largestLanes(): LaneLoad[] {
    return this.queue.largestLanes();
  }

  /** Drops the frames of a lane. */
  drop(lane: string): void {
    this.queue.drop(lane);
    this.settle(lane);
  }

  /** Drops all frames. */
  clear(): void {
    this.queue.clear();
  }

  /** Resolves when no frame of a page waits in the lane. */
  drained(lane: string): Promise<void> {
    if (!this.queue.hasPages(lane)) return Promise.resolve();
    return new Promise((resolve) => this.waiters.set(lane, [...(this.waiters.get(lane) ?? []), resolve]));
  }

  /** Gives frames to the runtime, as many as it may. Returns false where the runtime dropped one. */
  write(socket: Socket): boolean {
    let taken = true;
    for (;;) {
      const buffered = socket.getBufferedAmount();
      let room = MAX_AHEAD_BYTES - buffered;
      const frames: string[] = [];
      const left: string[] = [];
      for (;;) {
        const next = room > 0 ? this.queue.take(room, buffered === 0 && frames.length === 0) : undefined;
        if (next === undefined) break;
        frames.push(next.frame);
        room -= next.bytes;
        if (next.pagesLeft !== undefined) left.push(next.pagesLeft);
      }
      if (frames.length === 0) return taken;
      if (!sendAll(socket, frames)) taken = false;
      for (const lane of left) this.settle(lane);
    }
  }

  /** Gives the frames about the connection itself to the runtime, before it is closed. */
  writeFirst(socket: Socket): void {
    const frames: string[] = [];
    for (let next = this.queue.takeFirst(); next !== undefined; next = this.queue.takeFirst())
      frames.push(next.frame);
    sendAll(socket, frames);
  }

  /** The socket is closed: nothing waits any more. */
  close(): void {
    const waiting = [...this.waiters.values()].flat();
    this.waiters.clear();
    for (const resolve of waiting) resolve();
  }

  private settle(lane: string): void {
    const waiting = this.waiters.get(lane) ?? [];
    this.waiters.delete(lane);
    for (const resolve of waiting) resolve();
    this.onPagesLeft(lane);
  }
}

/** Returns false where the runtime dropped a frame (RT-5). */
function sendAll(socket: Socket, frames: readonly string[]): boolean {
  let taken = true;
  const send = () => {
    for (const frame of frames) if (socket.sendText(frame) === 0) taken = false;
  };
  if (frames.length === 1) send();
  else if (frames.length > 1) socket.cork(send);
  return taken;
}
