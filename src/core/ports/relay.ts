// The port for events of a conversation other than its messages, between nodes: presence, typing and read marks. A
// single node needs no relay (engine/local/relay.ts).

/**
 * Receives events of conversations from other nodes. One object listens to all conversations of a node: a function for each of
 * them would take memory in each idle connection.
 */
export interface RelayListener {
  /**
   * A user who was present on no other node joined, or a user left and is present on no other node now. `at` is the time of
   * the join or leave, as returned by `join` or `leave` on that node, and not the time when the change arrived. For the users
   * of a dead node it is when its death was noticed.
   */
  onPresence(conversation: string, user: string, state: "joined" | "left", at: number): void;
  onTyping(conversation: string, user: string, active: boolean): void;
  onReadMark(conversation: string, user: string, seq: number): void;
  /** The users who are present through this node, in all conversations that it has open. */
  presentHere(): Iterable<{ readonly conversation: string; readonly user: string }>;
  /**
   * Read marks of a conversation may have been missed while the store was unavailable. (The relay itself repairs presence.)
   * Resolves when the listener has read them again; MUST NOT reject.
   */
  onGap(conversation: string): Promise<void> | void;
}

/** A conversation as one node shares it with the others. */
export interface RelayRoom {
  /** Whether there may be other nodes. */
  readonly isShared: boolean;
  /**
   * Whether a leave is reported further, to other nodes or to readers of the feed. Then a room without connections stays open while a
   * user is within the grace.
   */
  readonly reportsLeaves: boolean;
  /**
   * The users present through other nodes, with the time of their join: milliseconds since 1970, by the clock that the
   * nodes share.
   */
  remoteMembers(): ReadonlyMap<string, number>;
  /**
   * The user's first connection on this node joined at `since`, by the node's own clock. The relay keeps the user registered,
   * also after the store was unavailable. Returns that time by the clock that the nodes share, as the other nodes get it.
   */
  join(user: string, since: number): number;
  /** The user's last connection on this node ended at `at`, by the node's own clock, and the grace is over. Returns as `join`. */
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
