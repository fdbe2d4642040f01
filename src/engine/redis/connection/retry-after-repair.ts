/** The error of a script that has found, and healed, what an earlier one left half done (lua/messages/conversation.lua). */
const REPAIRED = "PARLEYAGAIN";

/** Runs a script, and once more where it had to heal something first: it heals all that it has opened, so once is enough. */
export async function retryAfterRepair<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!String(error).includes(REPAIRED)) throw error;
    return run();
  }
}
