// Calculates how many frames of a series are due, from the time alone, so that a delayed page catches up exactly.

export interface Series {
  /** Frames a second; 0: as fast as the connection allows. */
  readonly rate: number;
  readonly count: number;
}

/** Most frames at once, so that the page stays responsive. */
export const MAX_BATCH = 250;

/** Unsent bytes that keep the connection busy; more would only fill the browser's memory. */
export const MAX_UNSENT_BYTES = 256 * 1024;

/** Returns how many frames to send now, `elapsed` milliseconds after the start, if `sent` were sent and `unsent` bytes wait. */
export function dueNow({ rate, count }: Series, elapsed: number, sent: number, unsent: number): number {
  if (unsent > MAX_UNSENT_BYTES) return 0;
  const due = rate === 0 ? count : Math.min(count, Math.floor((elapsed / 1000) * rate) + 1);
  return Math.max(0, Math.min(MAX_BATCH, due - sent));
}
