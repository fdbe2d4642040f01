import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

export { END_MARK_FILE } from "./file-names.ts";

/** `position (8 bytes, a double) │ epoch (UTF-8, filled up with zeros)` */
const FILE_BYTES = 64;
const EPOCH_OFFSET = 8;

export interface LogEnd {
  /** The epoch of the store in which the log had this end. */
  readonly epoch: string;
  readonly position: number;
}

/**
 * Stores the last announced position in a file of its own. SQLite accepts a truncated write-ahead log as a shorter one, so
 * only another file can show that acknowledged messages are missing (D5).
 *
 * The file is mapped into memory, so a record costs nanoseconds and survives the process, however that ends. It may not survive
 * a loss of power, which is detected in another way (unclean-shutdown.ts).
 */
export class EndMark {
  private readonly position: Float64Array;

  /** Overwrites the file at `path` with the given end and maps it into memory. */
  constructor(path: string, end: LogEnd) {
    const bytes = new Uint8Array(FILE_BYTES);
    new Float64Array(bytes.buffer, 0, 1)[0] = end.position;
    bytes.set(new TextEncoder().encode(end.epoch).subarray(0, FILE_BYTES - EPOCH_OFFSET), EPOCH_OFFSET);
    // Written, not only extended: a write to a mapped page for which the disk has no space would kill the process.
    const file = openSync(path, existsSync(path) ? "r+" : "w+", 0o600);
    try {
      writeSync(file, bytes, 0, FILE_BYTES, 0);
      ftruncateSync(file, FILE_BYTES);
    } finally {
      closeSync(file);
    }
    const mapped = Bun.mmap(path, { shared: true });
    this.position = new Float64Array(mapped.buffer, mapped.byteOffset, 1);
  }

  /** Records that the log ends at `position`. */
  record(position: number): void {
    this.position[0] = position;
  }
}

/** Returns the last recorded end; undefined when the file is missing or not valid. */
export function readEndMark(path: string): LogEnd | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = new Uint8Array(readFileSync(path));
  if (bytes.length !== FILE_BYTES) return undefined;
  const [position] = new Float64Array(bytes.buffer.slice(0, EPOCH_OFFSET));
  if (!Number.isSafeInteger(position)) return undefined;
  const epoch = new TextDecoder().decode(bytes.subarray(EPOCH_OFFSET)).replace(/\0+$/, "");
  return { epoch, position: position! };
}
