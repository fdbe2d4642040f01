import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Emit } from "../../../core/events/events.ts";
import { LOCK_FILE } from "./lock.ts";
import type { StoreTroubles } from "./store-troubles.ts";

/** Bytes that must be free, or the store counts as full: several messages of the largest size, with what SQLite adds to them. */
const MIN_FREE_BYTES = 1024 * 1024;

/** What the disk watch asks of the operating system; tests put theirs in its place. */
export interface Disk {
  /** Bytes that this process may still write where `folder` lies; undefined where that is not known. */
  freeBytes(folder: string): number | undefined;
}

const MACHINE_DISK: Disk = {
  freeBytes(folder) {
    const { blocks, bfree, bavail, bsize } = statfsSync(folder);
    // Some file systems say nothing of their size. A part may be reserved for root.
    if (blocks === 0) return undefined;
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  },
};

/**
 * Notices what no write shows in time: that the store's files were deleted or replaced while they are open (what is
 * written then is gone with the process), and that the disk is full before anybody has written.
 */
export class DiskWatch {
  private readonly folder: string;
  private readonly files: ReadonlyMap<string, string>;

  /** `store` is the path of the truth, which MUST be open with its write-ahead log. */
  constructor(
    store: string,
    private readonly index: string,
    private readonly troubles: StoreTroubles,
    private readonly emit: Emit,
    private readonly disk: Disk = MACHINE_DISK,
  ) {
    this.folder = dirname(store);
    const files = [store, `${store}-wal`, `${this.folder}/${LOCK_FILE}`];
    this.files = new Map(
      files.flatMap((path) => {
        const identity = identityOf(path);
        return identity === undefined ? [] : [[path, identity]];
      }),
    );
  }

  /** Looks at the files and the room left. Returns whether the index is still there. */
  check(): boolean {
    this.checkFiles();
    if (!this.troubles.has("files")) this.checkSpace();
    return this.troubles.has("files") || identityOf(this.index) !== undefined;
  }

  private checkFiles(): void {
    const changed = [...this.files].find(([path, identity]) => identityOf(path) !== identity);
    if (changed === undefined) {
      if (this.troubles.end("files")) this.emit("store.files_recovered", {});
    } else if (this.troubles.begin("files")) {
      this.emit("store.files_missing", {
        file: changed[0],
        advice:
          "The file was deleted, moved or replaced while Parley has it open; nothing is stored any more. Put it back, or stop Parley, restore a backup, run `parley store new-epoch` and start Parley.",
      });
    }
  }

  private checkSpace(): void {
    const free = this.disk.freeBytes(this.folder);
    if (free === undefined || free >= MIN_FREE_BYTES) {
      if (this.troubles.end("space")) this.emit("store.disk_recovered", { free_bytes: free });
    } else if (this.troubles.begin("space")) {
      this.emit("store.disk_full", {
        free_bytes: free,
        advice: `Fewer than ${MIN_FREE_BYTES} bytes are free where DATA_DIR lies. Make room; Parley then goes on without a restart.`,
      });
    }
  }
}

/** Names a file whatever its path: another file under the same path has another identity. Undefined where there is none. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // Gone, or on a disk that is: either way it is not the file that is open.
    if (["ENOENT", "ENOTDIR", "EIO", "ESTALE", "EACCES", "ENOTCONN"].includes(code)) return undefined;
    throw error;
  }
}
