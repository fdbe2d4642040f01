// Names of the files in the data folder.

/** The store file (schema.ts). */
export const STORE_FILE = "parley.db";

/** The index, which is derived from the store file (schema.ts). */
export const INDEX_FILE = "parley-index.db";

/** The last announced position of the log (end-mark.ts). */
export const END_MARK_FILE = "parley.end";

/** An empty file that the server on this folder keeps locked (lock.ts). */
export const LOCK_FILE = "parley.lock";

/** An empty file that `parley migrate` keeps locked (moving.ts). */
export const MOVING_FILE = "parley.moving";

/** What the server does at the moment, while WATCHED_FILE was touched lately (activity-files.ts). */
export const ACTIVITY_FILE = "activity.json";

/** An empty file that a command touches while it watches the server. */
export const WATCHED_FILE = "activity.watched";
