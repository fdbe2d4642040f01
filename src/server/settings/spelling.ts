/** Names shorter than this are within two edits of ordinary words (PORT, PATH), so only one edit counts as a slip. */
const SHORT = 6;

/** The name among `known` that `name` was probably meant to be: at most two letters added, dropped or changed. */
export function meantName(name: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, edits: edits(name, candidate) }))
    .filter(({ candidate, edits }) => edits <= (candidate.length < SHORT ? 1 : 2))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
}

/** Levenshtein distance, one row of the table at a time. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
