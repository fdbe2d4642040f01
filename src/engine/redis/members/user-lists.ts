import { LIST_MEMORY_MS } from "../../../core/ports/conversation/members.ts";
import { slicesOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { newEpoch } from "../connection/epoch.ts";
import { Script } from "../connection/script.ts";
import { decodeMember, type StoredMember } from "./encoding.ts";

const ADD = new Script("members/list-add");
const REMOVE = new Script("members/list-remove");
const CONFIRM = new Script("members/confirm");

/** The keys of a conversation that confirm it. */
const CONFIRMING = ["members", "gone", "meta"] as const;

/** The number of fields that one HSCAN visits, and of conversations that one call confirms. */
const SCAN_COUNT = 1_000;
const CONFIRM_COUNT = 200;

/** Calls that confirm conversations and are under way at a time: other requests must not wait for a long list. */
const CONFIRM_CALLS = 4;

/** An entry without a membership that is older was left by a node that has died, in milliseconds: it may be removed. */
const ABANDONED_MS = 3_600_000;

/** An entry of a list that was written. */
export interface AddedEntry {
  readonly user: string;
  readonly conversation: string;
  readonly outcome: "new" | "existed" | "full";
  /** The entry as it is stored. */
  readonly entry: string;
}

/** A conversation in the list of a user, confirmed by the conversation. */
export interface ListedConversation {
  readonly conversation: string;
  /** Undefined if the user does not belong to it. */
  readonly member: StoredMember | undefined;
  /** When it left the list, in milliseconds since 1970, of one without a member. */
  readonly leftAt: number;
}

export interface UserListsDeps {
  readonly client: RedisClient;
  /** How long a replica may take to have a write, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs: number | undefined;
  /** The time for scripts: '' for that of Redis. */
  readonly now: () => number | "";
}

/**
 * The lists of users: which conversations a user belongs to. A list and a membership are in different slots, and a node may die
 * between two writes. So a list has at least the conversations that its user belongs to: it is written before the membership and
 * cleared after it, and a reader asks each conversation.
 *
 *   conversations  conversation → "<time> <token>"
 *   former         conversation → the time when it left the list
 */
export class UserLists {
  constructor(private readonly deps: UserListsDeps) {}

  /** Writes a conversation into a list, before the user becomes its member. `most`: the largest number of conversations. */
  async add(user: string, conversation: string, most?: number): Promise<AddedEntry> {
    const { client, replicaTimeoutMs, now } = this.deps;
    const values = [now(), conversation, newEpoch(), most ?? ""];
    const reply = await client.runDurably(ADD, [this.key(user, "conversations")], values, replicaTimeoutMs);
    const [outcome, entry] = reply as [0 | 1 | 2, string];
    return { user, conversation, outcome: (["full", "existed", "new"] as const)[outcome], entry };
  }

  /** Removes an entry that `add` has made, because the user did not become a member. */
  async cancel({ user, conversation, outcome, entry }: AddedEntry): Promise<void> {
    if (outcome === "new") await this.remove(user, [[conversation, entry, ""]]);
  }

  /** Returns the entry of a conversation, before a membership is ended; '' if there is none. */
  async entry(user: string, conversation: string): Promise<string> {
    return (await this.deps.client.commands.hget(this.key(user, "conversations"), conversation)) ?? "";
  }

  /** Removes conversations: of each its name, its entry as it was read, and when it left the list, or ''. */
  async remove(
    user: string,
    entries: readonly (readonly [conversation: string, entry: string, leftAt: number | ""])[],
  ): Promise<void> {
    if (entries.length === 0) return;
    const keys = [this.key(user, "conversations"), this.key(user, "former")];
    await this.deps.client.run(REMOVE, keys, entries.flat());
  }

  /** Reads the list of a user. */
  async open(user: string): Promise<UserList> {
    const [present, former] = await Promise.all([
      scanHash(this.deps.client, this.key(user, "conversations")),
      scanHash(this.deps.client, this.key(user, "former")),
    ]);
    return new UserList(user, present, former, this, this.deps.client);
  }

  private key(user: string, what: "conversations" | "former"): string {
    return this.deps.client.keys.userKey(user, what);
  }
}

/** The list of one user as it was read. */
export class UserList {
  /** The names of the conversations, in their order. */
  readonly names: readonly string[];

  constructor(
    private readonly user: string,
    private readonly present: ReadonlyMap<string, string>,
    private readonly former: ReadonlyMap<string, string>,
    private readonly lists: UserLists,
    private readonly client: RedisClient,
  ) {
    this.names = [...new Set([...present.keys(), ...former.keys()])].sort();
  }

  /**
   * Returns those of `names` that the user belongs to, or that have left the list within LIST_MEMORY_MS before `now`. Removes what is
   * older, and entries that have no membership.
   */
  async confirm(names: readonly string[], now: number): Promise<ListedConversation[]> {
    const listed: ListedConversation[] = [];
    const stale: (readonly [string, string, number | ""])[] = [];
    for (const [i, value] of (await this.read(names)).entries()) {
      const conversation = names[i]!;
      if (!value.startsWith("-")) {
        listed.push({ conversation, member: decodeMember(value), leftAt: 0 });
        continue;
      }
      const [, gone, removedAt] = value.split(" ");
      const entry = this.present.get(conversation) ?? "";
      const written = Number.parseInt(entry, 10) || 0;
      const former = this.former.get(conversation);
      const leftAt = Math.max(
        Number(former ?? 0),
        Number(gone),
        entry !== "" && Number(removedAt) >= written ? Number(removedAt) : 0,
      );
      const isRemembered = leftAt > now - LIST_MEMORY_MS;
      if (isRemembered) listed.push({ conversation, member: undefined, leftAt });
      if (entry !== "" && written < now - ABANDONED_MS)
        stale.push([conversation, entry, isRemembered ? leftAt : ""]);
      else if (entry === "" && !isRemembered) stale.push([conversation, "", Number(former)]);
    }
    // If this fails, a later reader removes them.
    this.lists.remove(this.user, stale).catch(() => {});
    return listed;
  }

  /** Asks the conversations, a few calls at a time: in Cluster those of one bucket in a call. */
  private async read(names: readonly string[]): Promise<string[]> {
    const { keys, isCluster } = this.client;
    const values: string[] = [];
    const slices = slicesOf(names, CONFIRM_COUNT, isCluster);
    const readSlices = async () => {
      for (let slice = slices.pop(); slice !== undefined; slice = slices.pop()) {
        const all = slice.flatMap((i) => CONFIRMING.map((what) => keys.conversationKey(names[i]!, what)));
        const reply = (await this.client.run(CONFIRM, all, [this.user])) as string[];
        for (const [n, i] of slice.entries()) values[i] = reply[n]!;
      }
    };
    await Promise.all(Array.from({ length: CONFIRM_CALLS }, readSlices));
    return values;
  }
}

/** Returns a hash, read in slices. */
export async function scanHash({ commands }: RedisClient, key: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let cursor = "0";
  do {
    const [next, fields] = await commands.hscan(key, cursor, "COUNT", SCAN_COUNT);
    for (let i = 0; i < fields.length; i += 2) found.set(fields[i]!, fields[i + 1]!);
    cursor = next;
  } while (cursor !== "0");
  return found;
}
