import type { Clock } from "../../core/ports/clock.ts";
import type { Streams } from "../../core/ports/conversation/streams.ts";
import type { StreamRequestFrame } from "../../core/streams/replies.ts";
import type { StreamRequester, StreamRequests } from "../streams/stream-requests.ts";

/** How often a freeze is checked for its end, in milliseconds. */
const THAW_INTERVAL_MS = 50;

/** A freeze ends when so many bytes of frames wait. */
const MAX_HELD_BYTES = 1024 * 1024;

const NO_STREAM = "This connection writes no stream.";

/** What the faults of writers use of a server. */
export interface WriterFaultsDeps {
  readonly requests: Pick<StreamRequests, "request" | "left" | "renewed" | "writers">;
  readonly streams: Pick<Streams, "start">;
  readonly clock: Clock;
  /** A frame that was held back could not be carried out. */
  readonly failed: (error: unknown) => void;
}

interface HeldFrame {
  readonly requester: StreamRequester;
  readonly frame: StreamRequestFrame;
}

/** The faults of the streams that one connection writes. Without one it passes all requests on. */
export class WriterFaults implements Pick<StreamRequests, "request" | "left" | "renewed"> {
  private held: HeldFrame[] = [];
  private heldBytes = 0;
  private stopWaiting: (() => void) | undefined;

  constructor(private readonly deps: WriterFaultsDeps) {}

  request(requester: StreamRequester, frame: StreamRequestFrame): void {
    // A request to stop is that of a reader.
    if (this.stopWaiting === undefined || frame.type === "stream_cancel") {
      this.deps.requests.request(requester, frame);
      return;
    }
    this.held.push({ requester, frame });
    this.heldBytes += Buffer.byteLength(JSON.stringify(frame));
    if (this.heldBytes >= MAX_HELD_BYTES) this.thaw(requester.connection);
  }

  /** The connection has ended: what was held back is lost, as with a process that never wakes up. */
  left(connection: object): void {
    this.stopWaiting?.();
    this.stopWaiting = undefined;
    this.held = [];
    this.deps.requests.left(connection);
  }

  renewed(connection: object, isRefused: (conversation: string) => boolean): void {
    this.deps.requests.renewed(connection, isRefused);
  }

  /** Holds back what a connection sends of its streams; returns a sentence with the reason where it writes none. */
  freeze(connection: object, milliseconds: number): string | undefined {
    const { clock, requests } = this.deps;
    if (requests.writers.of(connection).length === 0) return NO_STREAM;
    requests.writers.freeze(connection);
    const thawAt = clock.now() + milliseconds;
    this.stopWaiting?.();
    this.stopWaiting = clock.every(THAW_INTERVAL_MS, () => {
      if (clock.now() >= thawAt) this.thaw(connection);
    });
    return undefined;
  }

  /** Ends a freeze; the frames that were held back follow in their order. */
  thaw(connection: object): void {
    if (this.stopWaiting === undefined) return;
    this.stopWaiting();
    this.stopWaiting = undefined;
    this.deps.requests.writers.thaw(connection);
    this.heldBytes = 0;
    try {
      for (const { requester, frame } of this.held.splice(0)) this.deps.requests.request(requester, frame);
    } catch (error) {
      this.deps.failed(error);
    }
  }

  /** Loses what is not stored of the streams of a connection, which is cut next. */
  kill(connection: object): string | undefined {
    const { writers } = this.deps.requests;
    if (writers.of(connection).length === 0) return NO_STREAM;
    writers.forget(connection);
    return undefined;
  }

  /** Takes over the streams of a connection, and sends nothing. */
  async fence(connection: object, user: string): Promise<string | undefined> {
    const { streams, requests } = this.deps;
    const own = requests.writers.of(connection);
    if (own.length === 0) return NO_STREAM;
    const takeOver = ({ conversation, id }: (typeof own)[number]) =>
      new Promise((done) => streams.start({ conversation, user, id, limit: 0 }, done));
    await Promise.all(own.map(takeOver));
    return undefined;
  }
}
