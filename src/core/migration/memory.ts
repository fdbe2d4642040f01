// How much memory of Redis a migration needs, roughly. The figures are those of docs/decisions/0011-redis-engine.md.
import type { MigrationSize } from "./records.ts";

/** Bytes of Redis beside the text of each, as `bun bench/standalone/redis-memory.ts` measures them. */
const BYTES = {
  message: 240,
  conversation: 5_000,
  member: 200,
  mark: 120,
  change: 300,
  reaction: 250,
  account: 300,
  signIn: 700,
  charge: 15,
} as const;

/** The estimate is exceeded by so much at most, as far as is known. */
const MARGIN = 1.25;

/** Returns the bytes that the data will take in Redis. */
export function estimateMemory(size: MigrationSize): number {
  const beside =
    BYTES.message * size.messages +
    BYTES.conversation * size.conversations +
    BYTES.member * size.members +
    BYTES.mark * size.marks +
    BYTES.change * size.changes +
    BYTES.reaction * size.reactions +
    BYTES.account * size.accounts +
    BYTES.signIn * size.signIns +
    BYTES.charge * size.charges;
  return Math.round(beside + size.bytes);
}

/** The memory of one primary. */
export interface PrimaryMemory {
  readonly used: number;
  /** 0 where it has no limit. */
  readonly most: number;
}

/** Returns the bytes that are missing for `needed` more, spread evenly over the primaries; 0 if they suffice or have no limit. */
export function missingMemory(needed: number, primaries: readonly PrimaryMemory[]): number {
  if (primaries.length === 0) return 0;
  const share = (needed * MARGIN) / primaries.length;
  const missing = primaries.map(({ used, most }) => (most === 0 ? 0 : Math.max(0, used + share - most)));
  return Math.round(missing.reduce((sum, each) => sum + each, 0));
}
