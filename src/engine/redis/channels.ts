import type { RedisClient } from "./client.ts";

/** What a payload on a conversation's channel is: the first character of what goes over the line. */
export type ChannelKind = "message" | "relay";

const MARK: Readonly<Record<ChannelKind, string>> = { message: "M", relay: "R" };

/** Who wants to hear a conversation's channel. Payloads come without the character that says what they are. */
export interface ChannelListener {
  message?(payload: string): void;
  relay?(payload: string): void;
}

export interface ChannelSubscription {
  /** Ends it; the listener is not called again. */
  close(): void;
}

interface Channel {
  readonly listeners: Set<ChannelListener>;
  /** Resolves when Redis has taken note. */
  readonly subscribed: Promise<void>;
}

/** Channels in one SUBSCRIBE, so that thousands of rooms do not make one command of megabytes. */
const SUBSCRIBED_AT_ONCE = 500;

/**
 * The channels of conversations that this node listens to. Each is subscribed to once, however many listen here, and
 * again after Redis was away; what one turn of the event loop asks for is one command.
 */
export class Channels {
  private readonly open_ = new Map<string, Channel>();
  private wanted: string[] = [];
  private flushed: Promise<void> | undefined;

  constructor(private readonly client: RedisClient) {}

  /** Whether this node is subscribed to a conversation's channel, or about to be. */
  has(conversation: string): boolean {
    return this.open_.has(conversation);
  }

  /**
   * Begins to hear a conversation's channel. After the answer nothing that is announced is missed until Redis is away;
   * what is missed then is looked up by who listens (recovery.ts). Rejects when Redis cannot be reached.
   */
  async open(conversation: string, listener: ChannelListener): Promise<ChannelSubscription> {
    let channel = this.open_.get(conversation);
    if (channel === undefined) {
      channel = { listeners: new Set(), subscribed: this.subscribe(conversation) };
      this.open_.set(conversation, channel);
    }
    const { listeners, subscribed } = channel;
    listeners.add(listener);
    const close = () => this.leave(conversation, listeners, listener);
    try {
      await subscribed;
    } catch (error) {
      close();
      throw error;
    }
    return { close };
  }

  /** Begins to hear all channels again, after Redis was away. Rejects when it is away still. */
  async subscribeAgain(): Promise<void> {
    await this.subscribeAll([...this.open_.keys()]);
  }

  /** Sends a payload to all nodes that listen to a conversation, this one included. Rejects when it could not be sent. */
  announce(conversation: string, kind: ChannelKind, payload: string): Promise<void> {
    return this.client.publish(this.client.keys.channel(conversation), MARK[kind] + payload);
  }

  /** Ends everything. */
  close(): void {
    for (const conversation of this.open_.keys()) this.unsubscribe(conversation);
    this.open_.clear();
  }

  private leave(conversation: string, listeners: Set<ChannelListener>, listener: ChannelListener): void {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    if (this.open_.get(conversation)?.listeners !== listeners) return;
    this.open_.delete(conversation);
    this.unsubscribe(conversation);
  }

  private unsubscribe(conversation: string): void {
    this.client.unsubscribe(this.client.keys.channel(conversation));
  }

  /** Has the end of this turn subscribe to it, together with what else the turn asks for. */
  private subscribe(conversation: string): Promise<void> {
    this.wanted.push(conversation);
    this.flushed ??= new Promise((resolve, reject) =>
      setImmediate(() => {
        const wanted = this.wanted;
        this.wanted = [];
        this.flushed = undefined;
        this.subscribeAll(wanted).then(resolve, reject);
      }),
    );
    return this.flushed;
  }

  private async subscribeAll(conversations: readonly string[]): Promise<void> {
    // Who left within the turn is not subscribed to, or nobody would ever end it.
    const channels = conversations
      .filter((conversation) => this.open_.has(conversation))
      .map((conversation) => this.client.keys.channel(conversation));
    for (let i = 0; i < channels.length; i += SUBSCRIBED_AT_ONCE)
      await this.client.subscribe(channels.slice(i, i + SUBSCRIBED_AT_ONCE), this.hear);
  }

  /** One function for all channels, so that none holds one of its own. */
  private readonly hear = (payload: string, channel: string): void => {
    const listeners = this.listenersOf(this.client.keys.conversationOf(channel));
    const kind = payload[0];
    const content = payload.slice(1);
    for (const listener of listeners) {
      if (kind === MARK.message) listener.message?.(content);
      else if (kind === MARK.relay) listener.relay?.(content);
    }
  };

  /** A copy, because listeners may come and go while they are told. */
  private listenersOf(conversation: string): readonly ChannelListener[] {
    return [...(this.open_.get(conversation)?.listeners ?? [])];
  }
}
