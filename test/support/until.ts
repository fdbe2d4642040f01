/** How long what is waited for may take, in milliseconds: seconds on a quiet machine, much longer on a busy one. */
export const PATIENCE = 60_000;

const LOOK_INTERVAL = 10;

/** Waits for what happens elsewhere, in another process or turn of the event loop; throws when it does not come. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; ; await Bun.sleep(LOOK_INTERVAL)) {
    if (await Promise.try(holds).catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`Still not so: ${what}.`);
  }
}
