import type { MemberPolicy } from "../../core/members/policy.ts";
import { refuseReading } from "../../core/members/standing.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { StreamStart, StreamStartResult, Streams } from "../../core/ports/conversation/streams.ts";
import {
  cancelError,
  otherEpochReply,
  type StreamReply,
  type StreamRequestFrame,
  startReply,
} from "../../core/streams/replies.ts";
import { moderatesStreams } from "../../core/streams/writing.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import type { StreamReaders } from "./stream-readers.ts";
import type { StreamHost, StreamWriters } from "./stream-writers.ts";

/** A connection that sends a frame about a stream. */
export interface StreamRequester extends StreamHost {
  /** Whether the connection is still there. */
  isGone(): boolean;
  /** The epoch of the conversation that is open on it; undefined where it is not open. */
  readonly epoch: string | undefined;
  /** Requests an hour of its user's plan. */
  readonly limit: number;
  /** Whether its token has the right `manage` for the conversation. */
  readonly manages: boolean;
  /** What the store must check of its user, as for a post. */
  readonly rules: Pick<StreamStart, "joins" | "exempt" | "mustExist">;
  /** Replies to `stream_start` or `stream_end`. */
  replied(reply: StreamReply): void;
}

export interface StreamRequestsDeps {
  readonly streams: Pick<Streams, "start" | "cancel">;
  readonly readers: StreamReaders;
  readonly writers: StreamWriters;
  readonly members: Pick<MemberStore, "read">;
  readonly memberPolicy: MemberPolicy;
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

  stop(): void {
    this.deps.readers.stop();
    this.deps.writers.stop();
  }

  private start(requester: StreamRequester, frame: ClientFrameOf<"stream_start">): void {
    const { streams, writers } = this.deps;
    const { conversation, user, limit, rules } = requester;
    const { id, data, reply_to: replyTo, restart, epoch = requester.epoch } = frame;
    if (requester.epoch !== undefined && epoch !== requester.epoch) {
      requester.replied(otherEpochReply(id, requester.epoch));
      return;
    }
    writers.begin(requester, id);
    const done = (result: StreamStartResult) => {
      const isOpen = result.outcome === "started" || result.outcome === "taken_over";
      writers.started(requester, id, isOpen && !requester.isGone() ? { ...result, id } : undefined);
      requester.replied(startReply(conversation, id, result));
      if (isOpen && result.cancelledBy !== undefined)
        requester.send({ type: "stream_cancel", stream: result.stream, by: result.cancelledBy });
    };
    streams.start(
      {
        ...{ conversation, user, id, limit, ...rules },
        ...(data !== undefined && { data: JSON.stringify(data) }),
        ...(replyTo !== undefined && { replyTo }),
        ...(restart === true && { restart }),
        ...(epoch !== undefined && { epoch }),
      },
      done,
    );
  }

  private async cancel(requester: StreamRequester, frame: ClientFrameOf<"stream_cancel">): Promise<void> {
    const { streams, members, memberPolicy: policy } = this.deps;
    const { conversation, user, manages } = requester;
    const view = await members.read(conversation, [user]);
    const actor = { kind: "user", name: user, manages } as const;
    const refusal = refuseReading({ conversation, view, actor, policy });
    if (refusal !== undefined) {
      const { code, message } = refusal;
      return requester.send({ type: "error", code, message });
    }
    const { stream, reply_to, discard = false } = frame;
    const result = await streams.cancel({
      conversation,
      target: stream === undefined ? { replyTo: reply_to! } : { stream },
      by: user,
      moderates: moderatesStreams({ view, actor }),
      discard,
    });
    const error = cancelError(frame, result);
    if (error !== undefined) requester.send(error);
  }
}
