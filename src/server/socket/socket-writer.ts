import type { Socket } from "./connection-deps.ts";
import type { FlushTarget } from "./write-batcher.ts";

/** Pages that were given to the socket and have not left for the peer yet. */
interface PendingPage {
  readonly bytes: number;
  /** Called when all that waits has left, or never will. */
  readonly onSent: (() => void) | undefined;
}

// Shared while there is nothing, so that an idle connection holds no list of its own.
const NO_FRAMES: string[] = [];

/** Most bytes that a frame of the server's is longer than its text (RFC 6455 §5.2). */
const FRAME_HEADER_BYTES = 10;

/**
 * The sending half of a connection: gathers the frames of a turn of the event loop, and notices what the peer does not
 * take. A base class, and not an object of its own, because there is one for each idle connection.
 */
export abstract class SocketWriter implements FlushTarget {
  /** Undefined before the socket is open, and once it is closed. */
  protected socket: Socket | undefined;
  private outgoing: string[] = NO_FRAMES;
  private page: PendingPage | undefined;

  /** Has `flush` called at the end of this turn of the event loop. */
  protected abstract scheduleFlush(): void;

  /** `unsent` bytes wait for the peer, beyond the pages that it is fed; `dropped`: the runtime dropped a frame. */
  protected abstract onUnsent(unsent: number, dropped: boolean): void;

  /** The last page that was fed, and all before it, has left for the peer. */
  protected abstract onPagesLeft(): void;

  /** Whether the socket can be published to, and no frame delivered before waits to go there first. */
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
    if (this.outgoing.length > 0) {
      this.outgoing.push(frame);
      return;
    }
    this.outgoing = [frame];
    this.scheduleFlush();
  }

  flush(): void {
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

  /** Queues a page of encoded frames. Until all that waits has left, it does not count as unread (B1). */
  feed(frames: readonly string[]): void {
    let bytes = this.page?.bytes ?? 0;
    for (const frame of frames) {
      bytes += Buffer.byteLength(frame) + FRAME_HEADER_BYTES;
      this.deliver(frame);
    }
    this.page = { bytes, onSent: this.page?.onSent };
  }

  /** Resolves when all that was delivered has left for the peer, or never will. */
  drained(): Promise<void> {
    this.flush();
    if (this.unsent === 0) return Promise.resolve();
    return new Promise((onSent) => {
      this.page = { bytes: this.page?.bytes ?? 0, onSent };
    });
  }

  /** Ends the connection when too much is unsent to it. */
  checkBackpressure(): void {
    this.reportUnsent(false);
  }

  /** Bytes that the runtime holds for the peer. */
  protected get unsent(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }

  /** Call it when the runtime has sent something, and not always everything (RT-15). */
  protected onSent(): void {
    if (this.unsent === 0) this.checkPages();
  }

  /** The socket is closed: nothing more is sent, and what waits never leaves. */
  protected closeWriter(): void {
    this.socket = undefined;
    this.outgoing = NO_FRAMES;
    this.checkPages();
  }

  /** The runtime holds nothing for the peer any more. */
  private checkPages(): void {
    const { page, outgoing } = this;
    // What is not given to the runtime yet has not left; `flush` looks again.
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
