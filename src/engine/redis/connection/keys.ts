// Names of the keys. What a script touches together shares a hash tag (the part in braces), and so a slot in Redis
// Cluster: a conversation's keys, a user's keys, and the few of all nodes. Identifiers hold no braces and no space.
//
//   parley:{c:room}:meta      hash    seq, at, epoch, swept, messages?, days?, removals?, removed_seq?, trimmed?
//                                                                         a conversation's head; never expires
//   parley:{c:room}:log       stream  <seq>-0 → name, time, body                its messages
//   parley:{c:room}:copy      stream  what is kept of the log, while it is copied to leave out what was trimmed
//   parley:{c:room}:ids       hash    name: sender and id, or digest → seq     for repeats, as long as the message is kept
//   parley:{c:room}:marks     hash    user → seq                              read marks
//   parley:{c:room}:here      hash    node and user → since                   who is there, through which node
//   parley:{c:room}                   channel of its announcements
//   parley:{u:anna}:quota     list    accepted requests of the last hour
//   parley:{u:anna}:…                 reservations, connections, clients, tickets, throttles, refresh families, revocation
//   parley:{t:…} {f:…} {k:…} {a:…}    revoked token, refresh family, ticket, tries of an address
//   parley:{n:node~life}:rooms set    conversations in which somebody is through this life of a node
//   parley:{all}:…                    epoch, nodes, accounts, control log, a turn that is not done

/** Makes the names of keys under one prefix, with which several Parleys can share a Redis. */
export class Keys {
  constructor(readonly prefix: string) {}

  conversationKey(conversation: string, what: "meta" | "log" | "copy" | "ids" | "marks" | "here"): string {
    return `${this.prefix}:{c:${conversation}}:${what}`;
  }

  /** A pattern that these keys of all conversations match, and no other. */
  conversationPattern(what: "meta" | "log"): string {
    return `${this.prefix.replace(/[[\]*?\\]/g, "\\$&")}:{c:*}:${what}`;
  }

  /** The conversation that has `key`. */
  conversationOfKey(key: string): string {
    return key.slice(this.prefix.length + 4, key.lastIndexOf("}"));
  }

  /** Where a conversation's messages, presence, typing and read marks are announced. */
  channelOf(conversation: string): string {
    return `${this.prefix}:{c:${conversation}}`;
  }

  /** The conversation that `channel` was made for. */
  conversationOfChannel(channel: string): string {
    return channel.slice(this.prefix.length + 4, -1);
  }

  userKey(
    user: string,
    what: "quota" | "reserved" | "connections" | "clients" | "tickets" | "throttle" | "families" | "revoked",
  ): string {
    return `${this.prefix}:{u:${user}}:${what}`;
  }

  addressKey(address: string, what: "tries"): string {
    return `${this.prefix}:{a:${address}}:${what}`;
  }

  /** A token's revocation, by its `jti`. */
  tokenKey(id: string): string {
    return `${this.prefix}:{t:${id}}:revoked`;
  }

  /** A family of refresh tokens. */
  familyKey(id: string): string {
    return `${this.prefix}:{f:${id}}`;
  }

  /** A ticket, by its digest. */
  ticketKey(name: string): string {
    return `${this.prefix}:{k:${name}}`;
  }

  /** What a node has taken, so that others can give it back when it is gone. */
  nodeKey(node: string, what: "rooms"): string {
    return `${this.prefix}:{n:${node}}:${what}`;
  }

  /** A node's own channel, on which it hears itself: the proof that subscriptions work. */
  probeChannel(node: string): string {
    return `${this.prefix}:{n:${node}}`;
  }

  /** Where a node is notified of its connections that newer ones on other nodes have replaced. */
  replacementsChannel(node: string): string {
    return `${this.prefix}:{n:${node}}:replaced`;
  }

  globalKey(
    what: "epoch" | "nodes" | "accounts" | "seeded" | "control" | "cleaned" | "turn" | "probe" | "none",
  ): string {
    return `${this.prefix}:{all}:${what}`;
  }
}
