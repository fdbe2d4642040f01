import type { RedisClient } from "../connection/client.ts";

/** A replaced connection, as its own node identifies it. */
export interface Replacement {
  readonly user: string;
  readonly slot: string;
  readonly id: number;
}

/** The number of notifications that are kept for another try. The nodes of dropped ones learn of the replacement when they settle. */
const MAX_UNSENT = 10_000;

/**
 * Notifies nodes of their connections that newer connections on other nodes have replaced. Each node has its own channel. A
 * node that misses notifications while Redis is unavailable learns of the replacements when it settles its leases after that.
 */
export class Replacements {
  /** Resolves when Redis has confirmed the present subscription. */
  listening: Promise<void> = Promise.resolve();
  private readonly unsent = new Map<string, string>();
  private readonly channel: string;

  constructor(
    private readonly client: RedisClient,
    private readonly onReplaced: (replacement: Replacement) => void,
  ) {
    this.channel = client.keys.replacementsChannel(client.node);
  }

  /** Subscribes to the notifications of other nodes. Rejects when Redis cannot be reached. */
  listen(): Promise<void> {
    const subscribed = this.client.subscribe([this.channel], (payload) => {
      const [user = "", slot = "", id] = payload.split(" ");
      this.onReplaced({ user, slot, id: Number(id) });
    });
    this.listening = subscribed;
    return subscribed;
  }

  /** Notifies the node of `incarnation`. If that fails, `retryUnsent` tries again. */
  send(incarnation: string, { user, slot, id }: Replacement): void {
    const payload = `${user} ${slot} ${id}`;
    const node = incarnation.slice(0, incarnation.lastIndexOf("~"));
    this.client.publish(this.client.keys.replacementsChannel(node), payload).catch(() => {
      if (this.unsent.size < MAX_UNSENT) this.unsent.set(payload, incarnation);
    });
  }

  /** Sends the notifications that could not be sent. */
  retryUnsent(): void {
    if (this.unsent.size === 0 || !this.client.ready) return;
    const unsent = [...this.unsent];
    this.unsent.clear();
    for (const [payload, incarnation] of unsent) {
      const [user = "", slot = "", id] = payload.split(" ");
      this.send(incarnation, { user, slot, id: Number(id) });
    }
  }

  close(): void {
    this.client.unsubscribe(this.channel);
  }
}
