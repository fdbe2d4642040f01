import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Emit } from "../../../core/events/events.ts";
import { LOCK_FILE } from "./lock.ts";
import type { StoreTroubles } from "./store-troubles.ts";

/** With less free space, in bytes, the store counts as full. Enough for several messages of the largest size with SQLite's overhead. */
const MIN_FREE_BYTES = 1024 * 1024;

/** What the disk watch asks the operating system. Tests inject their own. */
export interface Disk {
  /** Returns the free space for this process on the disk of `folder`, in bytes; undefined when it is not known. */
  freeBytes(folder: string): number | undefined;
}

const MACHINE_DISK: Disk = {
  freeBytes(folder) {
    const { blocks, bfree, bavail, bsize } = statfsSync(folder);
    // Some file systems report no size. A part of the free space may be reserved for root.
    if (blocks === 0) return undefined;
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  },
};

/**
 * Notices two troubles that writes do not show in time: the store's open files were deleted or replaced, so that all writes
 * are lost when the process ends; and the disk is full before a client has sent a message.
 */
export class DiskWatch {
  private readonly folder: string;
  private readonly files: ReadonlyMap<string, string>;

  /** `store` is the path of the store file, which MUST be open, with its write-ahead log. */
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

  /** Checks the files and the free space. Returns whether the index file still exists. */
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
          "The file was deleted, moved or replaced while Parley has it open; nothing is stored any more. Put it back, or stop Parley, run `parley restore <folder> --replace` with the last backup, and start Parley.",
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

/** Returns an id of the file at `path`: a file that replaces it has another one. Undefined when there is no file. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // The file or its disk is gone: in both cases the open file is no longer there.
    if (["ENOENT", "ENOTDIR", "EIO", "ESTALE", "EACCES", "ENOTCONN"].includes(code)) return undefined;
    throw error;
  }
}
