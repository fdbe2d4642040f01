import type { Socket } from "./connection-deps.ts";
import type { LaneWriter } from "./user/lane-writer.ts";
import type { FlushTarget } from "./write-batcher.ts";

/** Pages that were written to the socket and are not completely sent to the peer yet. */
interface PendingPage {
  readonly bytes: number;
  /** Called when all waiting bytes are sent, or never will be. */
  readonly onSent: (() => void) | undefined;
}

// Shared by all connections without frames to send, so that an idle connection needs no list of its own.
const NO_FRAMES: string[] = [];

/** Frames that can wait are not written while more than this waits for the peer, in bytes. */
const MAX_UNSENT_AHEAD_BYTES = 16 * 1024;

/** The most bytes that the header of a frame from the server takes (RFC 6455 §5.2). */
const FRAME_HEADER_BYTES = 10;

/**
 * The sending half of a connection. It collects the frames of a turn of the event loop, and reports the bytes that the peer
 * does not read. It is a base class and not a separate object, to save memory for each idle connection.
 */
export abstract class SocketWriter implements FlushTarget {
  /** Undefined before the socket is open, and once it is closed. */
  protected socket: Socket | undefined;
  private outgoing: string[] = NO_FRAMES;
  private page: PendingPage | undefined;
  /** On the socket of a user: the frames that wait, by conversation. All frames go through it. */
  protected lanes: LaneWriter | undefined;

  /** Schedules `flush` at the end of this turn of the event loop. */
  protected abstract scheduleFlush(): void;

  /** Called when `unsent` bytes wait for the peer, without those of pages. `dropped`: the runtime dropped a frame. */
  protected abstract onUnsent(unsent: number, dropped: boolean): void;

  /** Called when the last page, and all frames before it, are sent to the peer. */
  protected abstract onPagesLeft(): void;

  /** Whether the socket can subscribe to topics, and no frame that was delivered earlier waits to be sent first. */
  get canSubscribe(): boolean {
    return this.outgoing.length === 0 && this.socket?.subscribe !== undefined;
  }

  subscribe(topic: string): void {
    this.socket?.subscribe?.(topic);
  }

  unsubscribe(topic: string): void {
    this.socket?.unsubscribe?.(topic);
  }

  /** Queues one encoded frame. */
  deliver(frame: string): void {
    const { lanes } = this;
    if (lanes !== undefined) {
      lanes.addFirst(frame);
      this.flushSoon(lanes);
      return;
    }
    if (this.outgoing.length > 0) {
      this.outgoing.push(frame);
      return;
    }
    this.outgoing = [frame];
    this.scheduleFlush();
  }

  /** Queues one encoded frame of a conversation on the socket of a user. The bytes of a page are no back-pressure. */
  deliverIn(lane: string, frame: string, isPage: boolean): void {
    const { lanes } = this;
    if (lanes === undefined) return;
    lanes.add(lane, frame, isPage);
    this.flushSoon(lanes);
  }

  /** Drops the frames of a conversation that wait on the socket of a user. */
  dropLane(lane: string): void {
    this.lanes?.drop(lane);
  }

  /** Whether no frame of a conversation waits on the socket of a user, and the line takes more. */
  isLaneFree(lane: string): boolean {
    return (
      this.lanes?.isLaneEmpty(lane) === true && this.unsent === 0 && this.socket?.subscribe !== undefined
    );
  }

  /** Whether the peer has read nearly all that was sent: frames that can wait are sent now. */
  get isWritable(): boolean {
    return this.unsent < MAX_UNSENT_AHEAD_BYTES;
  }

  /** Whether no frame of a lane waits, and the peer has read nearly all that was sent: frames that can wait are sent now. */
  isLaneWritable(lane: string): boolean {
    return this.lanes?.isLaneEmpty(lane) === true && this.isWritable;
  }

  /** Resolves when no page of a conversation waits on the socket of a user. */
  laneDrained(lane: string): Promise<void> {
    this.flush();
    return this.lanes?.drained(lane) ?? Promise.resolve();
  }

  /** Whether the runtime holds bytes that the peer has not taken yet. */
  get hasBacklog(): boolean {
    return this.unsent > 0;
  }

  /** Writes the frames about the connection itself on the socket of a user, also where the line takes no more. */
  protected writeFirstLane(): void {
    if (this.socket !== undefined) this.lanes?.writeFirst(this.socket);
  }

  /** Writes what can be written, and drops the rest: the connection is about to be closed. */
  protected endLanes(): void {
    const { lanes, socket } = this;
    if (lanes === undefined) return;
    if (socket !== undefined) lanes.write(socket);
    lanes.clear();
  }

  flush(): void {
    if (this.lanes !== undefined) this.flushLanes(this.lanes);
    const { socket, outgoing } = this;
    this.outgoing = NO_FRAMES;
    if (socket === undefined || outgoing.length === 0) return;
    let dropped = false;
    const sendAll = () => {
      for (const frame of outgoing) if (socket.sendText(frame) === 0) dropped = true;
    };
    if (outgoing.length === 1) sendAll();
    else socket.cork(sendAll);
    this.reportUnsent(dropped);
  }

  /** Queues a page of encoded frames. Until all waiting bytes are sent, the page does not count as back-pressure (B1). */
  feed(frames: readonly string[]): void {
    let bytes = this.page?.bytes ?? 0;
    for (const frame of frames) {
      bytes += Buffer.byteLength(frame) + FRAME_HEADER_BYTES;
      this.deliver(frame);
    }
    this.page = { bytes, onSent: this.page?.onSent };
  }

  /** Resolves when all delivered frames are sent to the peer, or never will be. */
  drained(): Promise<void> {
    this.flush();
    if (this.unsent === 0) return Promise.resolve();
    return new Promise((onSent) => {
      this.page = { bytes: this.page?.bytes ?? 0, onSent };
    });
  }

  /** Reports the unsent bytes, so that the session can end a connection with too many. */
  checkBackpressure(): void {
    this.reportUnsent(false);
  }

  /** Bytes that wait to be sent, for the metrics; on the socket of a user also those that the runtime does not have yet. */
  get unsentBytes(): number {
    return this.unsent + (this.lanes?.unsent ?? 0);
  }

  /** Bytes that the runtime holds for the peer. */
  protected get unsent(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }

  private flushSoon(lanes: LaneWriter): void {
    if (lanes.isScheduled) return;
    lanes.isScheduled = true;
    this.scheduleFlush();
  }

  private flushLanes(lanes: LaneWriter): void {
    lanes.isScheduled = false;
    if (this.socket === undefined) return;
    const dropped = !lanes.write(this.socket);
    if (dropped || lanes.unsent > 0) this.onUnsent(lanes.unsent, dropped);
  }

  /** Call this when the runtime has sent some bytes, which need not be all (RT-15). */
  protected onSent(): void {
    if (this.lanes !== undefined) this.flushLanes(this.lanes);
    else if (this.unsent === 0) this.checkPages();
  }

  /** The socket is closed: no more frames are sent, and those that wait are dropped. */
  protected closeWriter(): void {
    this.socket = undefined;
    this.outgoing = NO_FRAMES;
    this.lanes?.close();
    this.checkPages();
  }

  /** The runtime has sent all bytes to the peer, or the socket is closed. */
  private checkPages(): void {
    const { page, outgoing } = this;
    // Frames that are not written to the runtime yet are not sent. `flush` checks again.
    if (page === undefined || outgoing.length > 0) return;
    this.page = undefined;
    page.onSent?.();
    this.onPagesLeft();
  }

  private reportUnsent(dropped: boolean): void {
    const { unsent } = this;
    if (unsent === 0) this.checkPages();
    const beyond = unsent - (this.page?.bytes ?? 0);
    if (dropped || beyond > 0) this.onUnsent(beyond, dropped);
  }
}
