// Names of the files in the data folder.

/** The truth (schema.ts). */
export const STORE_FILE = "parley.db";

/** The derived index (schema.ts). */
export const INDEX_FILE = "parley-index.db";

/** How far the log reached (end-mark.ts). */
export const END_MARK_FILE = "parley.end";

/** Locked by the server that runs on the folder (lock.ts); it stays empty. */
export const LOCK_FILE = "parley.lock";
