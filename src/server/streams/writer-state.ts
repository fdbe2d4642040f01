import type { StreamAppend, StreamName } from "../../core/ports/conversation/streams.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";

/** A frame that a writer gets without a request. */
export type WriterFrame = ServerFrameOf<"stream_stored" | "stream_cancel" | "error">;

/** The connection that writes a stream. Each has one such object for each conversation. */
export interface StreamHost {
  /** Which connection it is; streams of one connection end together with it. */
  readonly connection: object;
  readonly conversation: string;
  readonly user: string;
  /** Sends a frame that does not carry the conversation yet. */
  send(frame: WriterFrame): void;
}

/** A stream that was started or taken over on this node. */
export interface StartedStream {
  readonly stream: string;
  readonly generation: number;
  readonly n: number;
  readonly id: string;
}

/** What a node keeps of a stream that a connection writes. */
export interface Writer extends StartedStream, Pick<StreamName, "conversation"> {
  /** Undefined after its connection has ended. */
  host: StreamHost | undefined;
  /** The newest append that came from the client. */
  received: number;
  /** Bytes of the text that came here, as JSON; what was stored before a takeover is counted by the store only. */
  bytes: number;
  /** Appends that the store has not confirmed, in the order of `n`; the first `sent` of them are on their way. */
  waiting: StreamAppend[];
  waitingBytes: number;
  sent: number;
  /** Whether the writer has ended it, and the store has not confirmed that. */
  ending: boolean;
  /** Whether the writer knows that it is to stop. */
  asked: boolean;
  /** When its connection ended. */
  lostAt: number | undefined;
  /** Whether a test fault holds it: nothing is stored, and its lease runs. */
  isFrozen: boolean;
}

/**
 * Drops the `data` of the appends from `first` on, since a newer one replaces it: only the newest of a batch is stored, and a
 * client that replaces it all the time must not fill memory while the store is away.
 */
export function dropData({ waiting }: Writer, first: number): void {
  for (let i = waiting.length - 1; i >= first; i--) {
    const { data, ...append } = waiting[i]!;
    if (data !== undefined) waiting[i] = append;
  }
}

/** The newest append that the store has confirmed. */
export function storedUpTo({ received, waiting }: Writer): number {
  return (waiting[0]?.n ?? received + 1) - 1;
}
