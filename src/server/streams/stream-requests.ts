import { OTHER_EPOCH } from "../../core/members/refusals.ts";
import type { StreamStartResult, Streams } from "../../core/ports/conversation/streams.ts";
import type { RevocableToken } from "../../core/ports/revocations.ts";
import type { RequestReply } from "../../core/session/request-reply.ts";
import {
  cancelError,
  otherEpochReply,
  type StreamRequestFrame,
  startReply,
} from "../../core/streams/replies.ts";
import { type StreamStarter, startOf } from "../../core/streams/writing.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import { type CancelStreamsDeps, cancelStreams } from "./cancel-streams.ts";
import type { HttpWriters } from "./http-writers.ts";
import type { StreamAskers } from "./stream-askers.ts";
import type { StreamReaders } from "./stream-readers.ts";
import type { StreamWriters } from "./stream-writers.ts";
import type { StreamHost } from "./writer-state.ts";

/** A connection that sends a frame about a stream. */
export interface StreamRequester extends StreamHost, StreamStarter {
  /** Whether the connection is still there. */
  readonly isGone: boolean;
  /** The epoch of the conversation that is open on it; undefined where it is not open. */
  readonly epoch: string | undefined;
  /** Whether its token has the right `manage` for the conversation. */
  readonly manages: boolean;
  /** Replies to `stream_start` or `stream_end`. */
  replied(reply: RequestReply): void;
}

export interface StreamRequestsDeps extends CancelStreamsDeps {
  readonly streams: Pick<Streams, "start" | "cancel">;
  readonly readers: StreamReaders;
  readonly writers: StreamWriters;
  readonly http: HttpWriters;
  readonly askers: StreamAskers;
  /** Reads the present epoch of a conversation. */
  readonly epochOf: (conversation: string) => Promise<string>;
}

/** The requests about streams of all connections to this node, and the drafts that their conversations show. */
export class StreamRequests {
  readonly readers: StreamReaders;
  readonly writers: StreamWriters;

  constructor(private readonly deps: StreamRequestsDeps) {
    this.readers = deps.readers;
    this.writers = deps.writers;
  }

  request(requester: StreamRequester, frame: StreamRequestFrame): void {
    switch (frame.type) {
      case "stream_start":
        this.start(requester, frame);
        break;
      case "stream_append":
        this.deps.writers.append(requester, frame);
        break;
      case "stream_end":
        this.deps.writers.end(requester, frame, requester.limit, (reply) => requester.replied(reply));
        break;
      case "stream_cancel":
        this.cancel(requester, frame).catch(() => {
          const error = cancelError(frame, { outcome: "unavailable" });
          if (error !== undefined) requester.send(error);
        });
        break;
      default:
        frame satisfies never;
    }
  }

  /** A connection has ended. */
  left(connection: object): void {
    this.deps.writers.left(connection);
  }

  /** The token of a connection is revoked: its streams end at once (ST3). */
  refuse(connection: object): void {
    this.deps.writers.refuse(connection);
  }

  /** A connection has another token, with which it may not write where `isRefused` says so: its streams there end at once (ST3). */
  renewed(connection: object, isRefused: (conversation: string) => boolean): void {
    this.deps.writers.refuse(connection, isRefused);
  }

  /** As `refuse`, for what was written over HTTP. */
  refuseTokens(tokenIds: ReadonlySet<string>): void {
    this.deps.http.refuse(tokenIds);
  }

  /** Ends what was written over HTTP with tokens that are revoked, where it is not known which these are. */
  recheckTokens(isRevoked: (token: RevocableToken) => Promise<boolean>): Promise<void> {
    return this.deps.http.recheck(isRevoked);
  }

  stop(): void {
    this.deps.readers.stop();
    this.deps.writers.stop();
    this.deps.http.stop();
    this.deps.askers.stop();
  }

  private start(requester: StreamRequester, frame: ClientFrameOf<"stream_start">): void {
    const { streams, writers } = this.deps;
    const { conversation } = requester;
    const { id, epoch = requester.epoch } = frame;
    if (requester.epoch !== undefined && epoch !== requester.epoch) {
      requester.replied(otherEpochReply(id, requester.epoch));
      return;
    }
    writers.begin(requester, id);
    const done = (result: StreamStartResult) => {
      const isOpen = result.outcome === "started" || result.outcome === "taken_over";
      writers.started(requester, id, isOpen && !requester.isGone ? { ...result, id } : undefined);
      requester.replied(startReply(conversation, id, result));
      if (isOpen && result.cancelledBy !== undefined)
        requester.send({ type: "stream_cancel", stream: result.stream, by: result.cancelledBy });
    };
    const request = startOf(requester, epoch === undefined ? frame : { ...frame, epoch });
    streams.start(request, done);
  }

  private async cancel(requester: StreamRequester, frame: ClientFrameOf<"stream_cancel">): Promise<void> {
    const { conversation, user: name, manages } = requester;
    const { stream, epoch } = frame;
    if (epoch !== undefined && epoch !== (requester.epoch ?? (await this.deps.epochOf(conversation)))) {
      const named = stream !== undefined && { stream };
      return requester.send({ type: "error", code: "conflict", message: OTHER_EPOCH, ...named });
    }
    const actor = { kind: "user", name, manages } as const;
    const error = await cancelStreams(this.deps, { conversation, actor, target: frame });
    if (error !== undefined) requester.send(error);
  }
}
