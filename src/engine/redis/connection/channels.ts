import type { RedisClient } from "./client.ts";

/** The kind of a payload on a conversation's channel. It is the first character of the published text. */
export type ChannelKind = "message" | "relay" | "stream" | "change";

const KIND_PREFIX: Readonly<Record<ChannelKind, string>> = {
  message: "M",
  relay: "R",
  stream: "S",
  change: "C",
};

/** Receives what happens to streams, in all conversations to whose channels this node is subscribed. */
export type StreamPayloadListener = (conversation: string, payload: string) => void;

/** Receives the payloads of a conversation's channel, without their first character, which is their kind. */
export interface ChannelListener {
  message?(payload: string): void;
  change?(payload: string): void;
  relay?(payload: string): void;
}

export interface ChannelSubscription {
  /** Ends the subscription; the listener is not called again. */
  close(): void;
}

interface Channel {
  readonly listeners: Set<ChannelListener>;
  /** Resolves when Redis has confirmed the subscription. */
  readonly subscribed: Promise<void>;
}

/** The number of channels in one SUBSCRIBE: with thousands of rooms one command would have megabytes. */
const SUBSCRIBE_BATCH_SIZE = 500;

/**
 * The channels of conversations that this node listens to. It subscribes to each channel once, however many listeners there
 * are, and again after Redis was unavailable. All channels of one turn of the event loop are subscribed to in one command.
 */
export class Channels {
  private readonly channels = new Map<string, Channel>();
  private pending: string[] = [];
  private flushed: Promise<void> | undefined;
  private readonly streamListeners = new Set<StreamPayloadListener>();

  constructor(private readonly client: RedisClient) {}

  /** Whether this node is subscribed to a conversation's channel, or about to be. */
  has(conversation: string): boolean {
    return this.channels.has(conversation);
  }

  /**
   * Subscribes to a conversation's channel. After this has resolved, no announcement is missed until Redis is unavailable;
   * after that the listeners read what they missed (recovery.ts). Rejects when Redis cannot be reached.
   */
  async open(conversation: string, listener: ChannelListener): Promise<ChannelSubscription> {
    let channel = this.channels.get(conversation);
    if (channel === undefined) {
      channel = { listeners: new Set(), subscribed: this.subscribe(conversation) };
      this.channels.set(conversation, channel);
    }
    const { listeners, subscribed } = channel;
    listeners.add(listener);
    const close = () => this.removeListener(conversation, listeners, listener);
    try {
      await subscribed;
    } catch (error) {
      close();
      throw error;
    }
    return { close };
  }

  /** Subscribes to all channels again, after Redis was unavailable. Rejects if it still is. */
  async resubscribe(): Promise<void> {
    await this.subscribeAll([...this.channels.keys()]);
  }

  /** Sends a payload to all nodes that listen to a conversation, this one included. Rejects when it could not be sent. */
  publish(conversation: string, kind: ChannelKind, payload: string): Promise<void> {
    return this.client.publish(this.client.keys.channelOf(conversation), KIND_PREFIX[kind] + payload);
  }

  /** Calls `listener` for all conversations. Returns a function that stops it. */
  watchStreams(listener: StreamPayloadListener): () => void {
    this.streamListeners.add(listener);
    return () => void this.streamListeners.delete(listener);
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const conversation of this.channels.keys()) this.unsubscribe(conversation);
    this.channels.clear();
  }

  private removeListener(
    conversation: string,
    listeners: Set<ChannelListener>,
    listener: ChannelListener,
  ): void {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    if (this.channels.get(conversation)?.listeners !== listeners) return;
    this.channels.delete(conversation);
    this.unsubscribe(conversation);
  }

  private unsubscribe(conversation: string): void {
    this.client.unsubscribe(this.client.keys.channelOf(conversation));
  }

  /** Subscribes at the end of this turn of the event loop, together with all other channels that the turn asks for. */
  private subscribe(conversation: string): Promise<void> {
    this.pending.push(conversation);
    this.flushed ??= new Promise((resolve, reject) =>
      setImmediate(() => {
        const wanted = this.pending;
        this.pending = [];
        this.flushed = undefined;
        this.subscribeAll(wanted).then(resolve, reject);
      }),
    );
    return this.flushed;
  }

  private async subscribeAll(conversations: readonly string[]): Promise<void> {
    // A channel that was closed in the same turn is left out, because its subscription would never be ended.
    const channels = conversations
      .filter((conversation) => this.channels.has(conversation))
      .map((conversation) => this.client.keys.channelOf(conversation));
    for (let i = 0; i < channels.length; i += SUBSCRIBE_BATCH_SIZE)
      await this.client.subscribe(channels.slice(i, i + SUBSCRIBE_BATCH_SIZE), this.onPayload);
  }

  /** One function for all channels, to save memory for each. */
  private readonly onPayload = (payload: string, channel: string): void => {
    const conversation = this.client.keys.conversationOfChannel(channel);
    const listeners = this.listenersOf(conversation);
    const kind = payload[0];
    const content = payload.slice(1);
    if (kind === KIND_PREFIX.stream) {
      for (const listener of this.streamListeners) listener(conversation, content);
      return;
    }
    for (const listener of listeners) {
      if (kind === KIND_PREFIX.message) listener.message?.(content);
      else if (kind === KIND_PREFIX.change) listener.change?.(content);
      else if (kind === KIND_PREFIX.relay) listener.relay?.(content);
    }
  };

  /** A copy, because listeners may be added and removed while they are called. */
  private listenersOf(conversation: string): readonly ChannelListener[] {
    return [...(this.channels.get(conversation)?.listeners ?? [])];
  }
}
