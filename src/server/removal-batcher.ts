/** Removes all messages and read marks of these conversations; answers those that there were. */
export type RemoveConversations = (ids: readonly string[]) => Promise<ReadonlySet<string>>;

/** How long nothing is removed after a turn, in milliseconds: opening the store for it holds everybody up for some of them. */
const PAUSE_MS = 100;

/** Most that wait for one turn. */
const MAX_WAITING = 256;

/**
 * Removes conversations for whoever asks, all that wait in one turn and then nothing for a while, so that nobody can stop the server
 * by asking. The function returns whether there was one, or undefined where too many wait.
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
      // Those who ask in the same moment share the turn.
      setImmediate(() => void runBatch());
    }
    return pending.promise;
  };
}
