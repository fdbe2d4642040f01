import type { PresenceSnapshot } from "../../../core/conversation/presence/remote-presence.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { type EventWriting, eventsKey } from "../feed/event-streams.ts";
import type { NodeRegistry } from "./node-registry.ts";

/** The expiry of a node's entries, in milliseconds. It applies if there is no other node to remove them. */
const TTL_MS = 86_400_000;

const script = new Script("presence/presence-update");

/** A user joined or left; with the time in milliseconds since 1970, by the clock of Redis. */
export interface PresenceMove {
  readonly state: "joined" | "left";
  readonly at: number;
}

/** The stored users of conversations, with the nodes through which they are present. */
export class PresenceTable {
  constructor(
    private readonly client: RedisClient,
    private readonly nodes: NodeRegistry,
    private readonly events?: EventWriting,
  ) {}

  /** Returns the users in a conversation. Leaves out users of expired nodes, and removes them from Redis. */
  async read(conversation: string): Promise<PresenceSnapshot> {
    const fields = await this.client.commands.hgetall(this.key(conversation));
    const version = Number(fields.version ?? 0);
    const entries = Object.entries(fields).flatMap(([field, since]) => {
      const space = field.indexOf(" ");
      return space < 0
        ? []
        : [{ incarnation: field.slice(0, space), user: field.slice(space + 1), since: Number(since) }];
    });
    const expired = new Set(await this.nodes.expiredOf(entries.map(({ incarnation }) => incarnation)));
    if (expired.size === 0) return { version, entries };
    await Promise.all([...expired].map((incarnation) => this.clear(conversation, incarnation)));
    return { version, entries: entries.filter(({ incarnation }) => !expired.has(incarnation)) };
  }

  /** Returns the version of a conversation's stored users. */
  async version(conversation: string): Promise<number> {
    return Number((await this.client.commands.hget(this.key(conversation), "version")) ?? 0);
  }

  /** Writes and announces which users joined and left through `incarnation`, and when. */
  async change(
    conversation: string,
    incarnation: string,
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    await this.run(conversation, incarnation, "change", moves);
  }

  /**
   * Replaces the users that are present through `incarnation` by those that join in `moves`, and announces the difference. Users
   * that are not in `moves` left now.
   */
  async replace(
    conversation: string,
    incarnation: string,
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    await this.run(conversation, incarnation, "exactly", moves);
  }

  /** Removes all users that are present through `incarnation`. */
  clear(conversation: string, incarnation: string): Promise<void> {
    return this.replace(conversation, incarnation, new Map());
  }

  /** Records that users are in a conversation through `incarnation`, for a node that removes them later. MUST be called before `change`. */
  async noteConversation(conversation: string, incarnation: string): Promise<void> {
    const key = this.client.keys.nodeKey(incarnation, "conversations");
    await Promise.all([
      this.client.commands.sadd(key, conversation),
      this.client.commands.pexpire(key, TTL_MS),
    ]);
  }

  /** Removes the record that users are in a conversation through `incarnation`. */
  async forgetConversation(conversation: string, incarnation: string): Promise<void> {
    await this.client.commands.srem(this.client.keys.nodeKey(incarnation, "conversations"), conversation);
  }

  /** Returns the conversations with users that are present through `incarnation`. */
  conversationsOf(incarnation: string): Promise<string[]> {
    return this.client.commands.smembers(this.client.keys.nodeKey(incarnation, "conversations"));
  }

  /** Removes the records of all conversations of `incarnation`. */
  async forgetAll(incarnation: string): Promise<void> {
    await this.client.commands.del(this.client.keys.nodeKey(incarnation, "conversations"));
  }

  private async run(
    conversation: string,
    incarnation: string,
    mode: "change" | "exactly",
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    const { client, events } = this;
    const { keys, isSharded } = client;
    const named = [...moves].flatMap(([user, { state, at }]) => [
      user,
      state === "joined" ? "j" : "l",
      Math.floor(at),
    ]);
    const publish = isSharded ? "SPUBLISH" : "PUBLISH";
    const wanted = (["presence.joined", "presence.left"] as const).filter((type) => events?.counts(type));
    const arguments_ = [keys.channelOf(conversation), publish, incarnation, mode, TTL_MS, wanted.join(" ")];
    const names = [this.key(conversation), eventsKey(client, conversation)];
    await client.run(script, names, [...arguments_, ...named]);
    if (wanted.length > 0) events?.noteWrite();
  }

  private key(conversation: string): string {
    return this.client.keys.conversationKey(conversation, "present");
  }
}
