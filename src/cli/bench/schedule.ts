/** Returns when the message with the number `n` (from 0) is due, in milliseconds after the start, at `rate` messages a second. */
export function dueAt(n: number, rate: number): number {
  return (n * 1000) / rate;
}

/** Returns how many messages are due `elapsed` milliseconds after the start; the first one is due at once. */
export function dueCount(elapsed: number, rate: number): number {
  let due = Math.max(0, Math.floor((elapsed * rate) / 1000) + 1);
  // Division and multiplication round differently; dueAt() decides.
  while (dueAt(due, rate) <= elapsed) due++;
  while (due > 0 && dueAt(due - 1, rate) > elapsed) due--;
  return due;
}
