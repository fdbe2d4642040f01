// What a node does at the moment, as an operator is answered: names and units are those of the wire (N1).

export interface NodeActivity {
  /** Missing on the embedded store, which has one server. */
  readonly node?: string;
  readonly url: string;
  readonly version: string;
  readonly engine: "embedded" | "redis";
  /** When these numbers were read, in milliseconds since 1970, as all moments. */
  readonly at: number;
  /** Seconds, as all durations. */
  readonly uptime: number;
  /** Over how long acks, the delay of the event loop and what is busiest were counted. */
  readonly window: number;
  readonly connections: { readonly live: number; readonly opening: number };
  readonly open_conversations: number;
  readonly open_streams: number;
  /** Requests for events that wait for one. */
  readonly event_readers: number;
  /** In the last second: messages that were stored, and frames with messages that clients got. */
  readonly per_second: { readonly messages: number; readonly delivered: number };
  /** From the arrival of a message to its ack; missing where none was acked. */
  readonly ack?: Quantiles;
  /** How much later than planned a timer ran. */
  readonly loop_delay?: Quantiles;
  readonly memory_bytes: number;
  /** Processor time of the last second; 1 is a whole core. */
  readonly cpu: number;
  /** `lag`: how long the last request to Redis took. */
  readonly store: { readonly up: boolean; readonly lag?: number };
  /** Bytes that wait to be sent, over all sockets, and the number of sockets with many of them. */
  readonly unsent_bytes: number;
  readonly slow_reader_count: number;
  /** Those with the most messages a second. `connections` counts those of this node. */
  readonly busiest_conversations: readonly {
    readonly conversation: string;
    readonly messages: number;
    readonly connections: number;
  }[];
  readonly busiest_users: readonly { readonly user: string; readonly messages: number }[];
  /** Those with the most bytes that wait; `since` when they were found. */
  readonly slow_readers: readonly SlowReader[];
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SlowReader {
  readonly connection: string;
  readonly user: string;
  /** Missing on the socket of a user. */
  readonly conversation?: string;
  readonly unsent_bytes: number;
  readonly since: number;
}

/** How far what reads the feed has come. */
export interface FeedActivity {
  readonly webhooks: readonly WebhookActivity[];
  /** How much later than UNREAD_AFTER `message.unread` is made; missing while it is not. */
  readonly unread?: { readonly lag: number };
}

export interface WebhookActivity {
  readonly id: string;
  readonly state: "active" | "paused" | "ended";
  /** Why it is paused. */
  readonly reason?: string;
  /** The age of the oldest event that its receiver has not accepted; 0 where none waits. */
  readonly lag: number;
  /** Events that are to be tried again. */
  readonly retries: number;
  /** How long ago the oldest of them was tried first, or tried again by an operator; missing where nothing should be retried. */
  readonly retry_age?: number;
  /** Why the newest attempt failed, where one has failed since the last success. */
  readonly failure?: string;
}

/** What one node shares with the others. */
export interface SharedActivity extends NodeActivity {
  readonly feed?: FeedActivity;
}

/** What an operator is answered of all nodes. */
export interface ActivityAnswer {
  readonly at: number;
  readonly nodes: readonly NodeActivity[];
  /** Nodes that are alive and have not shared their numbers in the last seconds. */
  readonly silent: readonly string[];
  /** Missing until a node has read it. */
  readonly feed?: FeedActivity;
}

/** Puts together what nodes have shared. `alive` are the nodes that should have. */
export function gatherActivity(
  shared: readonly SharedActivity[],
  alive: readonly string[],
  at: number,
): ActivityAnswer {
  const newest = shared.filter(({ feed }) => feed !== undefined).sort((one, other) => other.at - one.at)[0];
  const nodes = shared
    .map(({ feed: _feed, ...node }) => node)
    .sort((one, other) => ((one.node ?? "") < (other.node ?? "") ? -1 : 1));
  const answered = new Set(nodes.map(({ node }) => node));
  return {
    ...{ at, nodes, silent: alive.filter((node) => !answered.has(node)).sort() },
    ...(newest?.feed !== undefined && { feed: newest.feed }),
  };
}

/** Names the form of what is shared: a node of another version may write another one, which is left out. */
const FORM = "1 ";

/** Writes what a node shares. */
export function encodeShared(activity: SharedActivity): string {
  return FORM + JSON.stringify(activity);
}

/** Reads what `encodeShared` has written; undefined for anything else. */
export function decodeShared(text: string): SharedActivity | undefined {
  if (!text.startsWith(FORM)) return undefined;
  try {
    return JSON.parse(text.slice(FORM.length)) as SharedActivity;
  } catch {
    return undefined;
  }
}
