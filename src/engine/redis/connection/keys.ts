// Names of the keys. What a script touches together carries one hash tag (the part in braces), and so lies in one slot of
// Redis Cluster. Every name belongs to one of 64 buckets by its hash (buckets.ts), and the bucket has the tag; only what all
// nodes share has a tag of its own. The layout is the same on one Redis and in Cluster. Identifiers hold no braces and no space.
//
//   parley:{b41bj}:c:room:meta      hash    seq, at, epoch, swept, messages?, days?, removals?, removed_seq?, trimmed?
//                                                                               a conversation's head; never expires
//   parley:{b41bj}:c:room:log       stream  <seq>-0 → name, time, body                its messages
//   parley:{b41bj}:c:room:copy      stream  what is kept of the log, while it is copied to leave out what was trimmed
//   parley:{b41bj}:c:room:ids       hash    name: sender and id, or digest → seq      finds repeats while the message is kept
//   parley:{b41bj}:c:room:marks     hash    user → seq                                read marks
//   parley:{b41bj}:c:room:present   hash    node and user → since                     users who are there, by node
//   parley:{b41bj}:c:room                   channel of the conversation
//   parley:{b26bc}:u:anna:quota     list    accepted requests of the last hour
//   parley:{b26bc}:u:anna:…                 reserved, connections, clients (leases), tickets, throttle, families, revoked
//   parley:{…}:t:<jti>:revoked      string  a revoked token
//   parley:{…}:f:<id>               string  a family of refresh tokens
//   parley:{…}:k:<digest>           string  a ticket
//   parley:{…}:a:<address>:tries    string  sign-in attempts of an address
//   parley:{…}:n:<node~life>:conversations  set  conversations with users that are there through this life of a node
//   parley:{…}:n:<node>  {…}:r:<node>       channels of a node
//   parley:{all}:…                          what all nodes share: epoch, nodes, accounts, control, and the other names below
//
// Reserved for each bucket, beside its conversations and users, and used by nothing yet:
//
//   parley:{b41bj}:feed             what happened in the conversations of the bucket, in order
//   parley:{b41bj}:activity         when each conversation of the bucket changed last
//   parley:{b41bj}:leases           what nodes hold of the bucket for a time

import { BUCKET_TAGS, bucketOf } from "./buckets.ts";

/** Makes the names of keys under one prefix, with which several Parleys can share a Redis. */
export class Keys {
  /** What the names of a bucket's keys begin with: `parley:{b41bj}:`. */
  private readonly bucketPrefixes: readonly string[];

  constructor(readonly prefix: string) {
    this.bucketPrefixes = BUCKET_TAGS.map((tag) => `${prefix}:{${tag}}:`);
  }

  /** What all keys of a conversation begin with, before `:meta` and the others; and the name of its channel. */
  conversationName(conversation: string): string {
    return `${this.bucketPrefix(conversation)}c:${conversation}`;
  }

  conversationKey(conversation: string, what: "meta" | "log" | "copy" | "ids" | "marks" | "present"): string {
    return `${this.conversationName(conversation)}:${what}`;
  }

  /** A pattern that these keys of all conversations match, and no other. */
  conversationPattern(what: "meta" | "log"): string {
    return `${this.prefix.replace(/[[\]*?\\]/g, "\\$&")}:{b*}:c:*:${what}`;
  }

  /** The conversation that has `key`. */
  conversationOfKey(key: string): string {
    return key.slice(nameStart(key), key.lastIndexOf(":"));
  }

  /** Carries a conversation's messages, presence, typing and read marks to the nodes that listen to it. */
  channelOf(conversation: string): string {
    return this.conversationName(conversation);
  }

  /** The conversation that `channel` was made for. */
  conversationOfChannel(channel: string): string {
    return channel.slice(nameStart(channel));
  }

  userKey(
    user: string,
    what: "quota" | "reserved" | "connections" | "clients" | "tickets" | "throttle" | "families" | "revoked",
  ): string {
    return `${this.bucketPrefix(user)}u:${user}:${what}`;
  }

  addressKey(address: string, what: "tries"): string {
    return `${this.bucketPrefix(address)}a:${address}:${what}`;
  }

  /** A token's revocation, by its `jti`. */
  tokenKey(id: string): string {
    return `${this.bucketPrefix(id)}t:${id}:revoked`;
  }

  /** A family of refresh tokens. */
  familyKey(id: string): string {
    return `${this.bucketPrefix(id)}f:${id}`;
  }

  /** A ticket, by its digest. */
  ticketKey(digest: string): string {
    return `${this.bucketPrefix(digest)}k:${digest}`;
  }

  /** What a node has taken under one of its lives, so that others can give it back when the node is gone. */
  nodeKey(incarnation: string, what: "conversations"): string {
    return `${this.bucketPrefix(incarnation)}n:${incarnation}:${what}`;
  }

  /** A node's own channel. The node receives what it sends there itself: that proves that subscriptions work. */
  probeChannel(node: string): string {
    return `${this.bucketPrefix(node)}n:${node}`;
  }

  /** Notifies a node of those of its connections that newer ones on other nodes have replaced. */
  replacementsChannel(node: string): string {
    return `${this.bucketPrefix(node)}r:${node}`;
  }

  /** `batch` is what a batch on one Redis is about to do; `none` is never there. */
  globalKey(
    what: "epoch" | "nodes" | "accounts" | "seeded" | "control" | "tasks" | "batch" | "probe" | "none",
  ): string {
    return `${this.prefix}:{all}:${what}`;
  }

  /** The node that runs a task which one node does for all (core/ports/shared-tasks.ts), and that it need not run yet. */
  taskKey(task: string, part: "lease" | "done"): string {
    return `${this.prefix}:{all}:task:${task}:${part}`;
  }

  private bucketPrefix(name: string): string {
    return this.bucketPrefixes[bucketOf(name)]!;
  }
}

/** Where the name begins in `parley:{b41bj}:c:name…`. A prefix may hold braces, a name may not. */
function nameStart(key: string): number {
  return key.lastIndexOf("}:") + 4;
}
