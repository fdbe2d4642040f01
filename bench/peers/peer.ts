/** What the load speaks with a server; with `none`, frames come back as they were sent. */
export type Protocol = "parley" | "centrifuge" | "socket.io" | "none";

/** A server that is measured. A new one is done when it starts from here and answers the load's frames. */
export interface Peer {
  readonly name: string;
  /** What it does for each message, for the table's reader. */
  readonly does: string;
  readonly protocol: Protocol;
  /** Starts it pinned to the server's core and waits until it answers. Throws with the end of its output if it does not. */
  start(options: StartOptions): Promise<RunningPeer>;
}

export interface StartOptions {
  /** How many hear each message; with one, what is sent comes back to its sender. */
  readonly members: number;
  /** Messages a second, where they are sent on a schedule and latency is what counts. */
  readonly rate?: number;
  /** Whether `user1` must be able to sign in with `password`. */
  readonly accounts?: boolean;
  /** Cores that it may use, as `taskset` names them; the server's one where they are not given. */
  readonly cores?: string;
  /** Folder for what it writes; it exists, and is empty unless a store was filled there before. */
  readonly folder: string;
  /** Where to leave a CPU profile, if one is wanted and it can. */
  readonly profile?: string;
}

export interface RunningPeer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** The process of the store beside it, on the load's core; undefined where there is none. */
  readonly storePid?: number;
  /** The end of what it has printed, for the one who has to find out why a run failed. */
  lastOutput(): Promise<string>;
  /** Request target of the socket for a user in a conversation, with what the peer needs to let them in. */
  target(user: string, conversation: string): string;
}
