// How many of a series are due: decided from the time alone, so that a page that was held up catches up and sends no more.

export interface Series {
  /** A second; 0: as fast as the line takes them. */
  readonly rate: number;
  readonly count: number;
}

/** Most at one go, so that the page stays usable and shows what comes back. */
export const MAX_BATCH = 250;

/** Bytes on their way that are enough for the line to be busy; more would only wait in the browser's memory. */
export const MAX_UNSENT_BYTES = 256 * 1024;

/** How many are to be sent now, `elapsed` milliseconds after the start, when `sent` were and `unsent` bytes wait in the line. */
export function dueNow({ rate, count }: Series, elapsed: number, sent: number, unsent: number): number {
  if (unsent > MAX_UNSENT_BYTES) return 0;
  const due = rate === 0 ? count : Math.min(count, Math.floor((elapsed / 1000) * rate) + 1);
  return Math.max(0, Math.min(MAX_BATCH, due - sent));
}
