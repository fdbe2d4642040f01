/** How long a condition may take, in milliseconds: seconds on a quiet machine, much longer on a busy one. */
export const TIMEOUT_MS = 60_000;

/** The pauses between two looks: short ones first, because most of what tests wait for takes milliseconds. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
const GROWTH = 1.3;

/** Pauses between the looks of a poll; each look costs processor time, of which a busy machine has none to spare. */
export function createPause(): () => Promise<void> {
  let next = FIRST_PAUSE_MS;
  return () => {
    const now = next;
    next = Math.min(LONGEST_PAUSE_MS, next * GROWTH);
    return Bun.sleep(now);
  };
}

/** Waits for a condition in another process or turn of the event loop; throws when it never holds. */
export async function waitUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const pause = createPause();
  for (const deadline = Date.now() + TIMEOUT_MS; ; await pause()) {
    if (await Promise.try(holds).catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`Still not so: ${what}.`);
  }
}
