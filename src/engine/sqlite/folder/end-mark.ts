import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

export { END_MARK_FILE } from "./file-names.ts";

/** `position (8 bytes, a double) │ epoch (UTF-8, filled up with zeros)` */
const FILE_BYTES = 64;
const EPOCH_OFFSET = 8;

export interface LogEnd {
  /** The life of the store in which the log reached that far. */
  readonly epoch: string;
  readonly position: number;
}

/**
 * Remembers, outside of SQLite's files, the last position that was announced. SQLite takes a write-ahead log that was cut
 * short for a whole one that is shorter; only something beside it shows that acked messages are missing (D5).
 *
 * The file is mapped into memory: noting costs nanoseconds, and what was noted outlives the process, however it ends. It
 * may not outlive the machine's power; that is noticed by other means (unclean-shutdown.ts).
 */
export class EndMark {
  private readonly position: Float64Array;

  /** Begins to note in the file at `path`, which is written anew. */
  constructor(path: string, end: LogEnd) {
    const bytes = new Uint8Array(FILE_BYTES);
    new Float64Array(bytes.buffer, 0, 1)[0] = end.position;
    bytes.set(new TextEncoder().encode(end.epoch).subarray(0, FILE_BYTES - EPOCH_OFFSET), EPOCH_OFFSET);
    // Written and not only made larger: a page that is mapped and has no room on the disk would end the process.
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

  /** Notes that the log reaches to `position`. */
  record(position: number): void {
    this.position[0] = position;
  }
}

/** What was noted last; undefined where nothing was, or where it cannot be understood. */
export function readEndMark(path: string): LogEnd | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = new Uint8Array(readFileSync(path));
  if (bytes.length !== FILE_BYTES) return undefined;
  const [position] = new Float64Array(bytes.buffer.slice(0, EPOCH_OFFSET));
  if (!Number.isSafeInteger(position)) return undefined;
  const epoch = new TextDecoder().decode(bytes.subarray(EPOCH_OFFSET)).replace(/\0+$/, "");
  return { epoch, position: position! };
}
