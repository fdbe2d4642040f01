import type { DraftText, StreamName } from "../../../core/ports/conversation/streams.ts";
import type { ChannelSubscription, Channels } from "../connection/channels.ts";
import { dedupeKey } from "../messages/message-encoding.ts";

/** An open stream that somebody on this node writes or reads. */
export interface KnownStream {
  /** The name of its message in the store. */
  readonly name: string;
  readonly startedAt: number;
  /** Whether it is written through this node. */
  isWritten: boolean;
  /** Whether it was to end, and the result is unknown. */
  mayHaveEnded: boolean;
}

/** The open streams of a conversation. */
interface KnownConversation {
  readonly streams: Map<string, KnownStream>;
  /** Whether other nodes may be subscribed to the channel. */
  othersListen: boolean;
  /** Of a conversation with a writer on this node, so that a request to stop reaches the writer. */
  subscription: Promise<ChannelSubscription | undefined> | undefined;
}

/** The open streams that this node knows, because they are written or read on it. */
export class KnownStreams {
  private readonly conversations = new Map<string, KnownConversation>();

  constructor(private readonly channels: Channels) {}

  /** Adds a stream that was started, or read from the store. */
  add(draft: DraftText, isWritten: boolean): void {
    const { conversation, stream, from, id, at: startedAt } = draft;
    const known = this.open(conversation);
    const earlier = known.streams.get(stream);
    if (earlier === undefined) {
      known.streams.set(stream, { name: dedupeKey(from, id), startedAt, isWritten, mayHaveEnded: false });
    } else earlier.isWritten ||= isWritten;
    if (isWritten) known.subscription ??= this.channels.open(conversation, {}).catch(() => undefined);
  }

  /** A stream has ended. */
  delete({ conversation, stream }: StreamName): void {
    const known = this.conversations.get(conversation);
    if (known === undefined || !known.streams.delete(stream)) return;
    const { streams, subscription } = known;
    if (streams.size === 0) this.conversations.delete(conversation);
    if (streams.values().some(({ isWritten }) => isWritten)) return;
    known.subscription = undefined;
    subscription?.then((opened) => opened?.close());
  }

  find({ conversation, stream }: StreamName): KnownStream | undefined {
    return this.conversations.get(conversation)?.streams.get(stream);
  }

  /** Whether other nodes may listen to a conversation. */
  othersListen(conversation: string): boolean {
    return this.conversations.get(conversation)?.othersListen ?? true;
  }

  setOthersListen(conversation: string, othersListen: boolean): void {
    const known = this.conversations.get(conversation);
    if (known !== undefined) known.othersListen = othersListen;
  }

  /** The conversations with open streams, and the handles of these. */
  all(): (readonly [conversation: string, streams: readonly string[]])[] {
    return [...this.conversations].map(([conversation, { streams }]) => [conversation, [...streams.keys()]]);
  }

  /** Forgets streams that were started before `time`: their end was not received. */
  forgetOlder(time: number): void {
    for (const [conversation, { streams }] of this.conversations)
      for (const [stream, { startedAt }] of streams)
        if (startedAt < time) this.delete({ conversation, stream });
  }

  private open(conversation: string): KnownConversation {
    let known = this.conversations.get(conversation);
    if (known === undefined) {
      known = { streams: new Map(), othersListen: true, subscription: undefined };
      this.conversations.set(conversation, known);
    }
    return known;
  }
}
