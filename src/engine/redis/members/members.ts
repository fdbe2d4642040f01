import { randomBytes } from "node:crypto";
import type { ListPage } from "../../../core/collections/list-page.ts";
import { eventsOfNews } from "../../../core/feed/conversation-events.ts";
import {
  type ConversationChange,
  type ConversationView,
  isInForce,
  type Role,
  type Standing,
} from "../../../core/members/records.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type {
  ListSize,
  MemberEntry,
  MemberStore,
  NameRange,
  NewsListener,
  SanctionEntry,
  UserConversation,
  UserView,
} from "../../../core/ports/conversation/members.ts";
import { bucketOf, slicesOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import { type EventWriting, eventsKey } from "../feed/event-streams.ts";
import { seqOfMark } from "../messages/read-marks.ts";
import { scanPage } from "../scan-page.ts";
import { decodeMember, decodeSanction, decodeStanding, encodeStandingChange, guardOf } from "./encoding.ts";
import type { KnownMembers } from "./known-members.ts";
import type { NewsStreams } from "./news-streams.ts";
import { scanHash, UserLists } from "./user-lists.ts";

const READ = new Script("members/read");
const READ_FOR_USER = new Script("members/read-for-user");
const CHANGE = new Script("members/change");
const OPENED = new Script("members/opened");
const PAGE = new Script("members/page");

/** Conversations that one call reads for a user: about a millisecond, in which Redis serves no other client. */
const READ_AT_ONCE = 200;

/** Pages of a list are read at most so many conversations at a time. */
const MAX_CONFIRMED_AT_ONCE = 1_000;

export interface RedisMembersDeps {
  readonly client: RedisClient;
  readonly news: NewsStreams;
  readonly known: KnownMembers;
  /** The epoch of the store. In Cluster it is in another slot than the conversations. */
  readonly storeEpoch: () => string;
  /** How long a replica may take to have a change, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs?: number | undefined;
  readonly events?: EventWriting | undefined;
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time?: Clock | undefined;
}

/** Returns a list as JSON, and '' for an empty one. */
function encodeList(list: readonly unknown[]): string {
  return list.length === 0 ? "" : JSON.stringify(list);
}

/**
 * The port for facts and members on Redis. What belongs to a conversation is in its slot, so that posts are decided on it in one
 * script (lua/members/speech.lua); the list of a user is in another slot (user-lists.ts).
 */
export class RedisMembers implements MemberStore {
  private readonly lists: UserLists;
  private secret: string | undefined;

  constructor(private readonly deps: RedisMembersDeps) {
    const { client, replicaTimeoutMs, news, known } = deps;
    this.lists = new UserLists({ client, replicaTimeoutMs, now: () => this.scriptTime });
    news.watch(
      (conversation, some) => {
        for (const each of some)
          if (each.type === "member" && each.change !== "added") known.delete(conversation, each.user);
      },
      () => known.clear(),
    );
    known.watchJoins((conversation) => void news.poll([bucketOf(conversation)]));
  }

  async read(conversation: string, users: readonly string[]): Promise<ConversationView> {
    const { client, storeEpoch } = this.deps;
    const keys = this.keysOf(conversation, ["meta", "log", "members", "muted", "banned", "gone"]);
    const reply = await client.run(READ, this.withEpochKey(keys), [this.scriptTime, storeEpoch(), ...users]);
    const [exists, facts, epoch, seq, lastAt, members, owners, revision, now, ...values] = reply as [
      number,
      ...[string, string, number, string, number, number, number, number],
      ...string[],
    ];
    const standings = new Map<string, Standing>();
    for (const [i, user] of users.entries()) {
      const standing = decodeStanding(values.slice(4 * i, 4 * i + 4));
      if (standing !== undefined) standings.set(user, standing);
    }
    return {
      exists: exists === 1,
      facts: facts === "" ? undefined : JSON.parse(facts),
      epoch,
      seq,
      lastAt: lastAt === "" ? undefined : Number(lastAt),
      members,
      owners,
      standings,
      revision,
      now,
    };
  }

  async readForUser(user: string, conversations: readonly string[]) {
    const { client } = this.deps;
    const views: UserView[] = [];
    let now = Number.POSITIVE_INFINITY;
    const slices = slicesOf(conversations, READ_AT_ONCE, client.isCluster);
    if (slices.length === 0) return { views, now: await this.now() };
    const readSlice = async (slice: readonly number[]) => {
      const keys = slice.flatMap((i) =>
        this.keysOf(conversations[i]!, ["meta", "members", "muted", "banned", "gone"]),
      );
      const reply = await client.run(READ_FOR_USER, keys, [this.scriptTime, user]);
      const [time, ...values] = reply as [number, ...string[]];
      now = Math.min(now, time);
      for (const [n, i] of slice.entries()) {
        const [facts, ...own] = values.slice(5 * n, 5 * n + 5);
        views[i] = { facts: facts === "" ? undefined : JSON.parse(facts!), standing: decodeStanding(own) };
      }
    };
    await Promise.all(slices.map(readSlice));
    return { views, now };
  }

  async change(conversation: string, revision: number, change: ConversationChange): Promise<boolean> {
    const { client, news, known, storeEpoch, replicaTimeoutMs, events } = this.deps;
    const { facts, standings = [] } = change;
    const joining = standings.filter(({ role }) => role !== undefined && role !== null);
    const leaving = standings.filter(({ role }) => role === null).map(({ user }) => user);
    const added = await Promise.all(joining.map(({ user }) => this.lists.add(user, conversation)));
    const entries = await Promise.all(leaving.map((user) => this.lists.entry(user, conversation)));
    const keys = [
      ...this.keysOf(conversation, ["meta", "members", "names", "muted", "banned", "gone"]),
      client.keys.bucketKey(bucketOf(conversation), "news"),
      eventsKey(client, conversation),
      ...this.keysOf(conversation, ["sent"]),
    ];
    const values = [
      this.scriptTime,
      revision,
      storeEpoch(),
      ...(facts === undefined ? ["", ""] : [JSON.stringify(facts), guardOf(facts)]),
      encodeList(change.news),
      encodeList(eventsOfNews(conversation, change.news, false)),
      encodeList(facts === undefined ? [] : eventsOfNews(conversation, change.news, true)),
      ...standings.flatMap(encodeStandingChange),
    ];
    const at = (await client.runDurably(CHANGE, this.withEpochKey(keys), values, replicaTimeoutMs)) as number;
    const isMade = at !== 0;
    for (const user of leaving) known.delete(conversation, user);
    // The change is made, or not, whatever comes of this: what stays in a list is not confirmed by the conversation.
    await Promise.allSettled(
      isMade
        ? leaving.map(
            (user, i) => entries[i] !== "" && this.lists.remove(user, [[conversation, entries[i]!, at]]),
          )
        : added.map((entry) => this.lists.cancel(entry)),
    );
    if (isMade) {
      events?.noteWrite();
      await news.poll([bucketOf(conversation)]);
    }
    return isMade;
  }

  async markOpened(conversation: string, user: string): Promise<void> {
    await this.deps.client.run(OPENED, this.keysOf(conversation, ["members"]), [user]);
  }

  async members(conversation: string, { after = "", limit }: NameRange) {
    const keys = this.keysOf(conversation, ["names", "members", "marks"]);
    const reply = (await this.deps.client.run(PAGE, keys, [after, limit + 1])) as string[];
    const members: MemberEntry[] = [];
    for (let i = 0; i < reply.length && members.length < limit; i += 3) {
      const { role, since } = decodeMember(reply[i + 1]!)!;
      const read = reply[i + 2]!;
      members.push({ user: reply[i]!, role, since, ...(read !== "" && { read: seqOfMark(read) }) });
    }
    return { members, more: reply.length > 3 * limit };
  }

  async sanctions(conversation: string, kind: "muted" | "banned", { after = "", limit }: NameRange) {
    const [key] = this.keysOf(conversation, [kind]);
    const [now, all] = await Promise.all([this.now(), scanHash(this.deps.client, key!)]);
    const found: SanctionEntry[] = [];
    for (const user of [...all.keys()].sort()) {
      if (user <= after) continue;
      const sanction = decodeSanction(all.get(user)!);
      if (!isInForce(sanction, now)) continue;
      if (found.length === limit) return { sanctions: found, more: true };
      found.push({ user, ...sanction });
    }
    return { sanctions: found, more: false };
  }

  async oldest(conversation: string, role: Role, except: string): Promise<string | undefined> {
    const [key] = this.keysOf(conversation, ["members"]);
    let oldest: { readonly user: string; readonly since: number } | undefined;
    for (const [user, value] of await scanHash(this.deps.client, key!)) {
      const member = decodeMember(value)!;
      if (member.role !== role || user === except) continue;
      const { since } = member;
      if (oldest === undefined || since < oldest.since || (since === oldest.since && user < oldest.user))
        oldest = { user, since };
    }
    return oldest?.user;
  }

  async conversationsOf(user: string, { after = "", limit }: NameRange) {
    const [list, now] = await Promise.all([this.lists.open(user), this.now()]);
    const names = list.names.filter((name) => name > after);
    const found: UserConversation[] = [];
    for (let from = 0; from < names.length && found.length <= limit; ) {
      const count = Math.min(MAX_CONFIRMED_AT_ONCE, limit + 1 - found.length);
      for (const { conversation, member, leftAt } of await list.confirm(names.slice(from, from + count), now))
        found.push(
          member === undefined
            ? { conversation, role: undefined, changedAt: leftAt }
            : { conversation, role: member.role, since: member.since, changedAt: member.changedAt },
        );
      from += count;
    }
    return { conversations: found.slice(0, limit), more: found.length > limit };
  }

  async listSize(user: string): Promise<ListSize> {
    const [list, now] = await Promise.all([this.lists.open(user), this.now()]);
    let [conversations, unopened] = [0, 0];
    let oldest: { readonly conversation: string; readonly since: number } | undefined;
    for (const { conversation, member } of await list.confirm(list.names, now)) {
      if (member === undefined) continue;
      conversations++;
      if (!member.unopened) continue;
      unopened++;
      if (oldest === undefined || member.since < oldest.since) oldest = { conversation, since: member.since };
    }
    return { conversations, unopened, oldestUnopened: oldest?.conversation };
  }

  /** Searches all keys for them, some for each page. */
  async names(limit: number, cursor?: string): Promise<ListPage<string> | undefined> {
    const { client } = this.deps;
    const page = await scanPage(client, client.keys.conversationPattern("meta"), limit, cursor);
    return page && { items: page.items.map((key) => client.keys.conversationOfKey(key)), next: page.next };
  }

  async nameSecret(): Promise<string> {
    if (this.secret === undefined) {
      const { commands, keys } = this.deps.client;
      const key = keys.globalKey("name-secret");
      await commands.set(key, randomBytes(32).toString("hex"), "NX");
      const secret = await commands.get(key);
      if (secret === null) throw new Error("The secret of the store is gone.");
      this.secret = secret;
    }
    return this.secret;
  }

  watch(listener: NewsListener, onGap?: () => Promise<void> | void): () => void {
    return this.deps.news.watch(listener, onGap);
  }

  private keysOf(conversation: string, parts: readonly ConversationPart[]): string[] {
    return parts.map((what) => this.deps.client.keys.conversationKey(conversation, what));
  }

  /** Adds the key of the store's epoch, which is in another slot in Cluster. */
  private withEpochKey(keys: string[]): string[] {
    const { client } = this.deps;
    return client.isCluster ? keys : [...keys, client.keys.globalKey("epoch")];
  }

  private get scriptTime(): number | "" {
    return this.deps.time?.now() ?? "";
  }

  /** The store's time, in milliseconds since 1970. */
  private async now(): Promise<number> {
    const { time, client } = this.deps;
    if (time !== undefined) return time.now();
    const [seconds, micros] = (await client.commands.time()) as unknown as [string, string];
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}
