import { isLong } from "../support/random.ts";

/**
 * How long one step of a run may take, in milliseconds: a restart, an answer of a server, the last results. It is seconds on a quiet
 * machine. In the long form runs are side by side.
 */
export const STEP_TIMEOUT_MS = isLong ? 180_000 : 60_000;

/** How long a run may take, in milliseconds, whatever its length: most steps are quick even on a busy machine. */
export const RUN_TIMEOUT_MS = 5 * STEP_TIMEOUT_MS;
