// The port on which nodes share what they do at the moment, while somebody watches. `test/contracts/nodes/activity-board.ts` is the contract.
import type { SharedActivity } from "../../activity/node-activity.ts";

/** After the last request to watch, nodes go on sharing for this long, in milliseconds. */
export const WATCH_MS = 10_000;

/** How often a node looks whether somebody watches, and shares, in milliseconds. */
export const SHARE_INTERVAL_MS = 1_000;

/** What is older than this is left out, in milliseconds: its node has stopped, or stands still. */
export const SHARED_MAX_AGE_MS = 5_000;

/** A node as the board sees it. */
export interface ActivitySource {
  /** Somebody watches. Called about once a second while that is so. */
  watch(): void;
  /** Returns the numbers to share; undefined while there are none yet. */
  read(): SharedActivity | undefined;
}

/** What nodes share. While nobody watches, it MUST cost no more than one small request to the store a second. */
export interface ActivityBoard {
  /** The name of this node; undefined where there are no others. */
  readonly node: string | undefined;
  /** How long the last request to the store took, in milliseconds; undefined where there is none. */
  readonly lag: number | undefined;
  /** Shares this node's numbers while somebody watches, here or in another process. Returns a function that stops it. */
  serve(source: ActivitySource): () => void;
  /** Has the other nodes share their numbers, and returns those of the last seconds. Rejects when the store is away. */
  others(): Promise<readonly SharedActivity[]>;
}
