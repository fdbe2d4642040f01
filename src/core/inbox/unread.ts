import type { InboxView } from "../ports/conversation/inbox.ts";

/**
 * The number of messages that a user has not read (IN1). It is computed of what is stored, and never counted up, so that it is
 * the same on every node and after every fault. Erased messages count; messages that retention has removed do not.
 */
export function unreadOf({ seq, first }: Pick<InboxView, "seq" | "first">, read: number): number {
  return Math.max(0, seq - Math.max(read, first - 1));
}
