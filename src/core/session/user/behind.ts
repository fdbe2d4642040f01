/** What waits for the line in one conversation. */
export interface LaneLoad {
  readonly conversation: string;
  readonly bytes: number;
}

/**
 * Returns the conversations that are closed as `behind` when `unsent` bytes wait for one socket and only `max` may (MX4):
 * those with the most bytes, and no more than necessary. `lanes`: the open conversations, those with the most bytes first. Returns
 * an empty list where closing all of them does not help: then the socket is closed.
 */
export function conversationsBehind(lanes: readonly LaneLoad[], unsent: number, max: number): string[] {
  const behind: string[] = [];
  let left = unsent;
  for (const { conversation, bytes } of lanes) {
    if (left <= max) break;
    behind.push(conversation);
    left -= bytes;
  }
  return left <= max ? behind : [];
}
