import type { HereState } from "../../core/gathering.ts";
import type { RedisClient } from "./client.ts";
import type { NodeRegistry } from "./nodes.ts";
import { Script } from "./scripts.ts";

/** How long what a node has put down outlives it where nobody is left to sweep it, in milliseconds. */
const EXPIRY = 86_400_000;

const script = new Script("here");

/** A user came, or left, and when: milliseconds since 1970, by the clock of the store. */
export interface Move {
  readonly state: "joined" | "left";
  readonly at: number;
}

/** Who is in which conversation through which node, as the store holds it. */
export class HereTable {
  constructor(
    private readonly client: RedisClient,
    private readonly nodes: NodeRegistry,
  ) {}

  /** Who is in a conversation. Who was there through a node that is gone is left out, and taken out of the store. */
  async read(conversation: string): Promise<HereState> {
    const fields = await this.client.commands.hgetall(this.key(conversation));
    const version = Number(fields.version ?? 0);
    const entries = Object.entries(fields).flatMap(([field, since]) => {
      const space = field.indexOf(" ");
      return space < 0
        ? []
        : [{ life: field.slice(0, space), user: field.slice(space + 1), since: Number(since) }];
    });
    const gone = new Set(await this.nodes.goneOf(entries.map(({ life }) => life)));
    if (gone.size === 0) return { version, entries };
    await Promise.all([...gone].map((life) => this.clear(conversation, life)));
    return { version, entries: entries.filter(({ life }) => !gone.has(life)) };
  }

  /** The version of what the store holds of a conversation. */
  async version(conversation: string): Promise<number> {
    return Number((await this.client.commands.hget(this.key(conversation), "version")) ?? 0);
  }

  /** Announces who came and who left through `life`, and when. */
  async change(conversation: string, life: string, moves: ReadonlyMap<string, Move>): Promise<void> {
    await this.run(conversation, life, "change", moves);
  }

  /**
   * Has those be there through `life` who come by `moves`, and nobody else, and announces what that changes; who is not
   * named left now.
   */
  async set(conversation: string, life: string, moves: ReadonlyMap<string, Move>): Promise<void> {
    await this.run(conversation, life, "exactly", moves);
  }

  /** Has nobody be there through `life`. */
  clear(conversation: string, life: string): Promise<void> {
    return this.set(conversation, life, new Map());
  }

  /** Notes that somebody is in a conversation through `life`, for whoever has to sweep it. MUST come before `change`. */
  async note(conversation: string, life: string): Promise<void> {
    const key = this.client.keys.ofNode(life, "rooms");
    await Promise.all([
      this.client.commands.sadd(key, conversation),
      this.client.commands.pexpire(key, EXPIRY),
    ]);
  }

  /** Nobody is in a conversation through `life` any more. */
  async unnote(conversation: string, life: string): Promise<void> {
    await this.client.commands.srem(this.client.keys.ofNode(life, "rooms"), conversation);
  }

  /** The conversations in which somebody is through `life`. */
  roomsOf(life: string): Promise<string[]> {
    return this.client.commands.smembers(this.client.keys.ofNode(life, "rooms"));
  }

  /** Forgets in which conversations somebody was through `life`. */
  async forget(life: string): Promise<void> {
    await this.client.commands.del(this.client.keys.ofNode(life, "rooms"));
  }

  private async run(
    conversation: string,
    life: string,
    how: "change" | "exactly",
    moves: ReadonlyMap<string, Move>,
  ): Promise<void> {
    const { keys, isSharded } = this.client;
    const named = [...moves].flatMap(([user, { state, at }]) => [
      user,
      state === "joined" ? "j" : "l",
      Math.floor(at),
    ]);
    const publish = isSharded ? "SPUBLISH" : "PUBLISH";
    const arguments_ = [keys.channel(conversation), publish, life, how, EXPIRY, ...named];
    await this.client.run(script, [this.key(conversation)], arguments_);
  }

  private key(conversation: string): string {
    return this.client.keys.ofConversation(conversation, "here");
  }
}
