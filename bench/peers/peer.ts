/** The protocol of the load generator with a server; with `none`, frames are returned unchanged. */
export type Protocol = "parley" | "centrifuge" | "socket.io" | "none";

/** A measured server. A new one is complete when it starts from here and replies to the load generator's frames. */
export interface Peer {
  readonly name: string;
  /** Its work for each message, for the table's reader. */
  readonly does: string;
  readonly protocol: Protocol;
  /**
   * Starts it pinned to the server's core and waits until it replies. Throws with the end of its output if it does not.
   */
  start(options: StartOptions): Promise<RunningPeer>;
}

export interface StartOptions {
  /** The number of receivers of each message; with one, a message is returned to its sender. */
  readonly members: number;
  /** Messages a second, if they are sent on a schedule and latency is measured. */
  readonly rate?: number;
  /** Whether `user1` must be able to sign in with `password`. */
  readonly accounts?: boolean;
  /** Cores that it may use, as `taskset` names them; the server's one where they are not given. */
  readonly cores?: string;
  /** Folder for its files; it exists, and is empty unless a store was filled there before. */
  readonly folder: string;
  /** Where to leave a CPU profile, if one is wanted and it can. */
  readonly profile?: string;
}

export interface RunningPeer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** The process of its store, on the load generator's core; undefined if there is none. */
  readonly storePid?: number;
  /** The end of its output, to find out why a run failed. */
  lastOutput(): Promise<string>;
  /** Request target of the socket for a user in a conversation, with the credential that the peer needs. */
  target(user: string, conversation: string): string;
}
