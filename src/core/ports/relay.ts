// The port for events of a conversation other than its messages, between nodes: presence, typing and read marks. A
// single node needs no relay (engine/local/relay.ts).

/** Events of a conversation from other nodes. */
export interface RelayListener {
  /**
   * A user came who was there through no other node, or left who is there through none any more. `at` is when that was, as
   * the node said by `join` and `leave`, and not when it was heard of; where a node is gone, when that was found out.
   */
  onPresence(user: string, state: "joined" | "left", at: number): void;
  onTyping(user: string, active: boolean): void;
  onReadMark(user: string, seq: number): void;
  /**
   * Read marks may have been missed while the store was away. Presence is made up for by the relay itself. Resolves when they
   * were looked up; MUST NOT reject.
   */
  onGap(): Promise<void> | void;
}

/** A conversation as one node shares it with the others. */
export interface RelayRoom {
  /**
   * Whether there may be other nodes: then a room waits for users within their grace, even without a connection on this
   * node.
   */
  readonly isShared: boolean;
  /**
   * The users present through other nodes, with the time of their join: milliseconds since 1970, by the clock that the
   * nodes share.
   */
  remoteMembers(): ReadonlyMap<string, number>;
  /**
   * The user's first connection came to this node, `since` by its own clock. Kept up by the relay, also when the store was
   * away meanwhile. Returns that moment by the clock that the nodes share, as the others are sent it.
   */
  join(user: string, since: number): number;
  /** The user's last connection on this node ended `at`, by its own clock, and the grace is over. Returns as `join`. */
  leave(user: string, at: number): number;
  sendTyping(user: string, active: boolean): void;
  sendReadMark(user: string, seq: number): void;
  /** No connection on this node is in the conversation any more. */
  close(): void;
}

export interface Relay {
  /** Opens a conversation on this node. The listener is called for changes after the returned state. */
  open(conversation: string, listener: RelayListener): Promise<RelayRoom>;
  /**
   * The users present through other nodes, with the time of their join; for a conversation that is not open on this
   * node.
   */
  present(conversation: string): Promise<ReadonlyMap<string, number>>;
}
