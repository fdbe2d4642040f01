/** Raised when a block of the index is not what was written. It has the code of SQLite for damage that SQLite finds. */
export class BlockCorrupted extends Error {
  readonly code = "SQLITE_CORRUPT";

  constructor(table: string, run: number) {
    super(`a block of run ${run} in ${table} is not what was written`);
  }
}

/** Returns the checksum that is stored with a block. It is needed because SQLite does not check the content that it stores. */
export function checksum(block: Uint8Array, run: number): number {
  return Bun.hash.crc32(block, run);
}
