import type { PresenceSnapshot } from "../../../core/conversation/remote-presence.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import type { NodeRegistry } from "./node-registry.ts";

/** How long what a node has put down outlives it where nobody is left to sweep it, in milliseconds. */
const TTL_MS = 86_400_000;

const script = new Script("presence/presence-update");

/** A user came, or left, and when: milliseconds since 1970, by the clock of the store. */
export interface PresenceMove {
  readonly state: "joined" | "left";
  readonly at: number;
}

/** Who is in which conversation through which node, as the store holds it. */
export class PresenceTable {
  constructor(
    private readonly client: RedisClient,
    private readonly nodes: NodeRegistry,
  ) {}

  /** Who is in a conversation. Who was there through a node that is gone is left out, and taken out of the store. */
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

  /** The version of what the store holds of a conversation. */
  async version(conversation: string): Promise<number> {
    return Number((await this.client.commands.hget(this.key(conversation), "version")) ?? 0);
  }

  /** Announces who came and who left through `life`, and when. */
  async change(
    conversation: string,
    incarnation: string,
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    await this.run(conversation, incarnation, "change", moves);
  }

  /**
   * Has those be there through `life` who come by `moves`, and nobody else, and announces what that changes; who is not
   * named left now.
   */
  async replace(
    conversation: string,
    incarnation: string,
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    await this.run(conversation, incarnation, "exactly", moves);
  }

  /** Has nobody be there through `life`. */
  clear(conversation: string, incarnation: string): Promise<void> {
    return this.replace(conversation, incarnation, new Map());
  }

  /** Notes that somebody is in a conversation through `life`, for whoever has to sweep it. MUST come before `change`. */
  async noteConversation(conversation: string, incarnation: string): Promise<void> {
    const key = this.client.keys.nodeKey(incarnation, "conversations");
    await Promise.all([
      this.client.commands.sadd(key, conversation),
      this.client.commands.pexpire(key, TTL_MS),
    ]);
  }

  /** Nobody is in a conversation through `life` any more. */
  async forgetConversation(conversation: string, incarnation: string): Promise<void> {
    await this.client.commands.srem(this.client.keys.nodeKey(incarnation, "conversations"), conversation);
  }

  /** The conversations in which somebody is through `life`. */
  conversationsOf(incarnation: string): Promise<string[]> {
    return this.client.commands.smembers(this.client.keys.nodeKey(incarnation, "conversations"));
  }

  /** Forgets in which conversations somebody was through `life`. */
  async forgetAll(incarnation: string): Promise<void> {
    await this.client.commands.del(this.client.keys.nodeKey(incarnation, "conversations"));
  }

  private async run(
    conversation: string,
    incarnation: string,
    mode: "change" | "exactly",
    moves: ReadonlyMap<string, PresenceMove>,
  ): Promise<void> {
    const { keys, isSharded } = this.client;
    const named = [...moves].flatMap(([user, { state, at }]) => [
      user,
      state === "joined" ? "j" : "l",
      Math.floor(at),
    ]);
    const publish = isSharded ? "SPUBLISH" : "PUBLISH";
    const arguments_ = [keys.channelOf(conversation), publish, incarnation, mode, TTL_MS, ...named];
    await this.client.run(script, [this.key(conversation)], arguments_);
  }

  private key(conversation: string): string {
    return this.client.keys.conversationKey(conversation, "present");
  }
}
