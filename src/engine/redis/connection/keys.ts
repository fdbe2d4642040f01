// Names of the keys. All keys of one script have the same hash tag (the part in braces), so they are in one slot of Redis
// Cluster. The hash of a conversation's or user's name gives one of 64 buckets (buckets.ts), which has the tag. Keys that all
// nodes share have a tag of their own. The layout is the same on one Redis and in Cluster. Identifiers have no braces or spaces.
//
//   parley:{b41bj}:c:room:meta      hash    seq, at, by, epoch, swept, messages?, days?, removals?, removed_seq?, removed_at?,
//                                            trimmed?, facts?, guard?, revision?, owners?, changing?, changed?, rev?, revising?
//                                                                               a conversation's head; never expires
//   parley:{b41bj}:c:room:log       stream  <seq>-0 → name, time, body                its messages
//   parley:{b41bj}:c:room:copy      stream  a copy of the log without the trimmed messages, while it is being made
//   parley:{b41bj}:c:room:ids       hash    name: sender and id, or digest → seq      finds repeats while the message is kept
//   parley:{b41bj}:c:room:marks     hash    user → seq time                           read marks
//   parley:{b41bj}:c:room:sent      hash    user → seq                                newest own message (lua/messages/senders.lua)
//   parley:{b41bj}:c:room:present   hash    incarnation and user → since              present users, by node
//   parley:{b41bj}:c:room:members   hash    user → role and more (lua/members/encoding.lua)
//   parley:{b41bj}:c:room:names     sorted set  the users of `members` in the order of their names
//   parley:{b41bj}:c:room:drafts    hash    open streams; cancelled, draft:<handle>: their text (lua/streams/drafts.lua)
//   parley:{b41bj}:c:room:changes   hash    what changes have made of messages; revs, change-ids, rounds, blank,
//                                            by:<seq>:<digest> (lua/changes/present.lua)
//   parley:{b41bj}:c:room:blanked   stream  a copy of the log without texts that were replaced, while it is being made
//   parley:{b41bj}:c:room:…                 muted, banned, gone: hashes by user (lua/members/encoding.lua)
//   parley:{b41bj}:c:room                   channel of the conversation
//   parley:{b26bc}:u:anna:quota     list    accepted requests of the last hour
//   parley:{b26bc}:u:anna:conversations  hash  conversation → entry; former: hash: conversation → time (members/user-lists.ts)
//   parley:{b26bc}:u:anna:streams   hash    handle → key of the drafts, for open streams and some that have ended
//   parley:{b26bc}:u:anna:exhausted  string when it was written last that the quota is used up
//   parley:{b26bc}:u:anna:…                 reserved, connections, clients (leases), tickets, throttle, families, revoked
//   parley:{…}:t:<jti>:revoked      string  a revoked token
//   parley:{…}:p:<digest>:revoked   string  a revocation of an erased person, by a digest of the name (person/seal.ts)
//   parley:{…}:f:<id>               string  a family of refresh tokens
//   parley:{…}:k:<digest>           string  a ticket
//   parley:{…}:a:<address>:tries    string  sign-in attempts of an address
//   parley:{…}:n:<incarnation>:conversations  set  conversations with users that are present through this incarnation
//   parley:{…}:n:<node>  {…}:r:<node>       channels of a node
//   parley:{b41bj}:probe            string  shows that the bucket can be written; in Cluster only
//   parley:{b41bj}:news             stream  changes of facts and members (members/news-streams.ts)
//   parley:{b41bj}:activity         zset    conversation, conversation user → time    what has changed lately, while a node watches
//   parley:{b41bj}:leases           zset    conversation and handle → when a stream may end by itself (lua/streams/drafts.lua)
//   parley:{b41bj}:blank            set     the conversations with texts to remove
//   parley:{b41bj}:watched          string  since when a node watches (lua/inbox/watch.lua)
//   parley:{b41bj}:feed             stream  events in the conversations of the bucket (lua/feed/entries.lua)
//   parley:{b41bj}:feed-floor       string  the newest event that was removed, and its time (lua/feed/trim.lua)
//   parley:{all}:…                          what all nodes share: epoch, nodes, accounts, api-keys, webhooks, control, signing-keys, name-secret, on one Redis
//                                            feed and feed-floor, and the other names below

import { BUCKET_TAGS, bucketOf } from "./buckets.ts";

/** The keys of a conversation. */
export type ConversationPart =
  | "meta"
  | "log"
  | "copy"
  | "ids"
  | "marks"
  | "sent"
  | "present"
  | "members"
  | "names"
  | "drafts"
  | "cancelled"
  | "muted"
  | "banned"
  | "gone"
  | "changes"
  | "revs"
  | "change-ids"
  | "rounds"
  | "blank"
  | "blanking"
  | "blanked";

/** The keys of a bucket. */
export type BucketPart = "news" | "activity" | "watched" | "leases" | "blank" | "feed" | "feed-floor";

/** Makes the names of keys with one prefix. With different prefixes, several installations can share a Redis. */
export class Keys {
  /** Returns the prefix of a bucket's keys: `parley:{b41bj}:`. */
  private readonly bucketPrefixes: readonly string[];

  constructor(readonly prefix: string) {
    this.bucketPrefixes = BUCKET_TAGS.map((tag) => `${prefix}:{${tag}}:`);
  }

  /** Returns the prefix of a conversation's keys, before `:meta` and the others. It is also the name of its channel. */
  conversationName(conversation: string): string {
    return `${this.bucketPrefix(conversation)}c:${conversation}`;
  }

  conversationKey(conversation: string, what: ConversationPart): string {
    return `${this.conversationName(conversation)}:${what}`;
  }

  /** Returns a pattern that matches these keys of all conversations, and no others. */
  conversationPattern(what: "meta" | "log"): string {
    return `${this.escapedPrefix}:{b*}:c:*:${what}`;
  }

  /** Returns the conversation that has `key`. */
  conversationOfKey(key: string): string {
    return key.slice(nameStart(key), key.lastIndexOf(":"));
  }

  /** Returns the channel for a conversation's messages, presence, typing and read marks. */
  channelOf(conversation: string): string {
    return this.conversationName(conversation);
  }

  /** Returns the conversation of `channel`. */
  conversationOfChannel(channel: string): string {
    return channel.slice(nameStart(channel));
  }

  userKey(
    user: string,
    what:
      | "quota"
      | "reserved"
      | "charged"
      | "connections"
      | "clients"
      | "tickets"
      | "throttle"
      | "families"
      | "revoked"
      | "conversations"
      | "former"
      | "streams"
      | "exhausted",
  ): string {
    return `${this.bucketPrefix(user)}u:${user}:${what}`;
  }

  /** Returns a pattern that matches the keys of a user's sign-ins from each address (accounts/throttle.ts). */
  throttlePattern(user: string): string {
    return `${escapedPattern(this.userKey(user, "throttle"))}:*`;
  }

  addressKey(address: string, what: "tries"): string {
    return `${this.bucketPrefix(address)}a:${address}:${what}`;
  }

  /** Returns the key of a token's revocation, by its `jti`. */
  tokenKey(id: string): string {
    return `${this.bucketPrefix(id)}t:${id}:revoked`;
  }

  /** Returns a pattern that matches the keys of all revocations, and no others. */
  revocationPattern(): string {
    return `${this.escapedPrefix}:{b*}:[tu]:*:revoked`;
  }

  /** Returns the token or the user that has the key of a revocation. */
  revokedOfKey(key: string): { readonly tokenId: string } | { readonly user: string } {
    // The id of a token that another program has signed can have any characters, so the name is not searched for.
    const start = key.indexOf("}:", this.prefix.length) + 2;
    const name = key.slice(start + 2, key.lastIndexOf(":"));
    return key[start] === "t" ? { tokenId: name } : { user: name };
  }

  /** Returns the key of the revocation of a person who was erased, by a digest of the name. */
  personKey(digest: string): string {
    return `${this.bucketPrefix(digest)}p:${digest}:revoked`;
  }

  /** A family of refresh tokens. */
  familyKey(id: string): string {
    return `${this.bucketPrefix(id)}f:${id}`;
  }

  /** A ticket, by its digest. */
  ticketKey(digest: string): string {
    return `${this.bucketPrefix(digest)}k:${digest}`;
  }

  /** Returns a key of an incarnation, under which other nodes find what they must remove when it has expired. */
  nodeKey(incarnation: string, what: "conversations"): string {
    return `${this.bucketPrefix(incarnation)}n:${incarnation}:${what}`;
  }

  /** Returns the channel for a node's probes. The node publishes on it and must receive that, if subscriptions work. */
  probeChannel(node: string): string {
    return `${this.bucketPrefix(node)}n:${node}`;
  }

  /** Returns the channel that notifies a node of its connections that newer ones on other nodes have replaced. */
  replacementsChannel(node: string): string {
    return `${this.bucketPrefix(node)}r:${node}`;
  }

  /** Returns a key of a bucket (0–63). */
  bucketKey(bucket: number, what: BucketPart): string {
    return `${this.bucketPrefixes[bucket]!}${what}`;
  }

  /** Returns a key that all nodes share. `batch` has the plan of a running batch on one Redis; `none` never exists. */
  globalKey(
    what:
      | "epoch"
      | "nodes"
      | "accounts"
      | "api-keys"
      | "webhooks"
      | "webhook-progress"
      | "seeded"
      | "control"
      | "tasks"
      | "signing-keys"
      | "name-secret"
      | "batch"
      | "probe"
      | "none"
      | "stream-sweeps"
      | "watched"
      | "erasures"
      | "feed"
      | "feed-floor"
      | "feed-wanted"
      | "feed-bookmarks"
      | "activity"
      | "activity-watched"
      | "persons"
      | "migration"
      | "migration-claim"
      | "moved-retention",
  ): string {
    return `${this.prefix}:{all}:${what}`;
  }

  /** Returns the keys of a task that one node runs for all (core/ports/shared-tasks.ts): its lease, and that it was done. */
  taskKey(task: string, part: "lease" | "done"): string {
    return `${this.prefix}:{all}:task:${task}:${part}`;
  }

  /** Returns the key by which a node checks whether a bucket can be written. */
  bucketProbeKey(bucket: number): string {
    return `${this.bucketPrefixes[bucket]!}probe`;
  }

  /** Returns a pattern that matches all keys of this installation. */
  allPattern(): string {
    return `${this.escapedPrefix}:{*`;
  }

  /** Returns the hash tag of a key: keys of one tag are in one slot. */
  tagOf(key: string): string {
    const start = this.prefix.length + 2;
    return key.slice(start, key.indexOf("}", start));
  }

  /** The prefix as a part of a pattern. */
  private get escapedPrefix(): string {
    return escapedPattern(this.prefix);
  }

  private bucketPrefix(name: string): string {
    return this.bucketPrefixes[bucketOf(name)]!;
  }
}

function escapedPattern(text: string): string {
  return text.replace(/[[\]*?\\]/g, "\\$&");
}

/** Returns the index of the name in `parley:{b41bj}:c:name…`. A prefix may have braces, a name may not. */
function nameStart(key: string): number {
  return key.lastIndexOf("}:") + 4;
}
