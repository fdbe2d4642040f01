/** Removes all messages and read marks of these conversations; returns the ids of those that existed. */
export type RemoveConversations = (ids: readonly string[]) => Promise<ReadonlySet<string>>;

/** Pause after each batch, in milliseconds. A removal opens the store once more, which delays all other requests a little. */
const PAUSE_MS = 100;

/** The most conversations that wait for one batch. */
const MAX_WAITING = 256;

/**
 * Returns a function that removes a conversation. All requests that wait are carried out in one batch, with a pause after
 * it, so that a client cannot slow the server down with many removals. The function resolves with whether the conversation
 * existed, and returns undefined where too many wait.
 */
export function createRemovalBatcher(
  remove: RemoveConversations,
): (id: string) => Promise<boolean> | undefined {
  let waiting = new Map<string, PromiseWithResolvers<boolean>>();
  let isRunning = false;

  async function runBatch(): Promise<void> {
    const all = waiting;
    isRunning = all.size > 0;
    if (!isRunning) return;
    waiting = new Map();
    try {
      const removed = await remove([...all.keys()]);
      for (const [id, { resolve }] of all) resolve(removed.has(id));
    } catch (error) {
      for (const { reject } of all.values()) reject(error);
    }
    setTimeout(() => void runBatch(), PAUSE_MS).unref();
  }

  return (id) => {
    const known = waiting.get(id);
    if (known === undefined && waiting.size >= MAX_WAITING) return undefined;
    const pending = known ?? Promise.withResolvers<boolean>();
    waiting.set(id, pending);
    if (!isRunning) {
      isRunning = true;
      // Requests of the same turn of the event loop share the batch.
      setImmediate(() => void runBatch());
    }
    return pending.promise;
  };
}
