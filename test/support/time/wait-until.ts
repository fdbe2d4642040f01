/** How long a condition may take, in milliseconds: seconds on a quiet machine, much longer on a busy one. */
export const TIMEOUT_MS = 60_000;

const POLL_INTERVAL_MS = 10;

/** Waits for a condition in another process or turn of the event loop; throws when it never holds. */
export async function waitUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; ; await Bun.sleep(POLL_INTERVAL_MS)) {
    if (await Promise.try(holds).catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`Still not so: ${what}.`);
  }
}
