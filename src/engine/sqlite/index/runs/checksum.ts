/** Raised when bytes of the index are not those that were written. Has SQLite's code for damage that it finds itself. */
export class BlockCorrupted extends Error {
  readonly code = "SQLITE_CORRUPT";

  constructor(table: string, run: number) {
    super(`a piece of run ${run} in ${table} is not what was written`);
  }
}

/** The sum over a piece that is stored beside it: SQLite does not look into what it stores. */
export function checksum(piece: Uint8Array, run: number): number {
  return Bun.hash.crc32(piece, run);
}
