/** Names shorter than this are within two edits of ordinary words (PORT, PATH), so only one edit counts as a slip. */
const SHORT_NAME_LENGTH = 6;

/** The name among `known` that `name` was probably meant to be: at most two slips. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, edits: edits(name, candidate) }))
    .filter(({ candidate, edits }) => edits <= (candidate.length < SHORT_NAME_LENGTH ? 1 : 2))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
}

/** Letters added, dropped, changed or swapped with their neighbour (optimal string alignment), row by row of the table. */
function edits(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swap = swapped ? before[j - 2]! + 1 : change;
      next.push(Math.min(change, swap, row[j]! + 1, next[j - 1]! + 1));
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}
