/** The error of a script that has repaired the state that an interrupted script had left (lua/messages/conversation.lua). */
const REPAIRED = "PARLEYAGAIN";

/** Runs a script, and again if it had to repair something. Once more is enough, because it repairs all conversations it uses. */
export async function retryAfterRepair<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!String(error).includes(REPAIRED)) throw error;
    return run();
  }
}
