import type { MemberPolicy } from "../../core/members/policy.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { Streams } from "../../core/ports/conversation/streams.ts";
import type { Hub } from "../socket/conversation/hub.ts";
import { HttpWriters } from "./http-writers.ts";
import { StreamAskers } from "./stream-askers.ts";
import { StreamReaders } from "./stream-readers.ts";
import { StreamRequests } from "./stream-requests.ts";
import { StreamWriters } from "./stream-writers.ts";

export interface StreamsOptions {
  readonly streams: Streams;
  readonly members: Pick<MemberStore, "read">;
  readonly memberPolicy: MemberPolicy;
  readonly hub: Hub;
  readonly clock: Clock;
  /** The lease of a writer that is gone, in milliseconds. */
  readonly lease: number;
  /** The most bytes of a stream's text, as JSON. */
  readonly maxBytes: number;
  /** Called with errors of work that no request waits for. */
  readonly onError: (error: unknown) => void;
  /** Reads who has sent a message. */
  readonly senderOf: (conversation: string, seq: number) => Promise<string | undefined>;
  /** Reads the present epoch of a conversation. */
  readonly epochOf: (conversation: string) => Promise<string>;
}

/** Creates what writes and shows streams on this node, and connects it to the rooms. */
export function createStreams(options: StreamsOptions): {
  readonly requests: StreamRequests;
  readonly http: HttpWriters;
} {
  const { hub } = options;
  const readers = new StreamReaders({ ...options, find: hub.find });
  hub.onSent = (room, entry) => readers.messageSent(room, entry);
  const [writers, http] = [new StreamWriters(options), new HttpWriters(options)];
  const askers = new StreamAskers({ ...options, find: hub.find });
  return { requests: new StreamRequests({ ...options, readers, writers, http, askers }), http };
}
