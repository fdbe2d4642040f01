import type { RedisClient } from "../connection/client.ts";

/** A connection that was replaced, as its own node knows it. */
export interface Replacement {
  readonly user: string;
  readonly slot: string;
  readonly id: number;
}

/** Notifications kept for another try; the oldest are given up, and their nodes find out when they settle. */
const MAX_UNSENT = 10_000;

/**
 * Notifies nodes of those of their connections that newer ones on other nodes have replaced. Each node has a channel of
 * its own. What a subscriber misses while Redis is away it finds out when it settles its leases afterwards.
 */
export class Replacements {
  /** Resolves when Redis has taken note of the subscription that is wanted now. */
  listening: Promise<void> = Promise.resolve();
  private readonly unsent = new Map<string, string>();
  private readonly channel: string;

  constructor(
    private readonly client: RedisClient,
    private readonly onReplaced: (replacement: Replacement) => void,
  ) {
    this.channel = client.keys.replacementsChannel(client.node);
  }

  /** Subscribes to what other nodes send to this one. Rejects when Redis cannot be reached. */
  listen(): Promise<void> {
    const subscribed = this.client.subscribe([this.channel], (payload) => {
      const [user = "", slot = "", id] = payload.split(" ");
      this.onReplaced({ user, slot, id: Number(id) });
    });
    this.listening = subscribed;
    return subscribed;
  }

  /** Notifies the node of `incarnation`; tried again where that fails. */
  send(incarnation: string, { user, slot, id }: Replacement): void {
    const payload = `${user} ${slot} ${id}`;
    const node = incarnation.slice(0, incarnation.lastIndexOf("~"));
    this.client.publish(this.client.keys.replacementsChannel(node), payload).catch(() => {
      if (this.unsent.size < MAX_UNSENT) this.unsent.set(payload, incarnation);
    });
  }

  /** Sends what could not be sent. */
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
