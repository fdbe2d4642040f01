/**
 * Returns the percentile `share` (0–1) by the nearest rank: the smallest of the `sorted` values that so large a share of
 * them does not exceed, so always a value that was measured. Undefined of none.
 */
export function nearestRank(sorted: ArrayLike<number>, share: number): number | undefined {
  // 0.999 × 1000 is a little over 999 in binary, and would count one further.
  const rank = Math.ceil(Number((share * sorted.length).toFixed(6)));
  return sorted[Math.max(0, rank - 1)];
}
