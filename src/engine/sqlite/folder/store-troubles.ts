import { Listeners } from "../../listeners.ts";

/**
 * The reasons why a store accepts no messages now. Each begins and ends independently of the others:
 *
 *   write    the last write failed
 *   space    the disk is nearly full: the next write may fail
 *   files    the open files were deleted or replaced in the folder
 *   damage   the store file is damaged; this ends only with a restart
 *   index    the index is damaged and is being rebuilt
 */
export type Trouble = "write" | "space" | "files" | "damage" | "index";

/**
 * Under these troubles nothing may be written: it would be lost, or make the damage worse. Under the others a write is
 * tried, since it may succeed.
 */
const UNWRITABLE: readonly Trouble[] = ["files", "damage", "index"];

/** The troubles that a store has now. It is ready when there are none. */
export class StoreTroubles {
  private readonly present = new Set<Trouble>();
  private readonly listeners = new Listeners<boolean>();

  get isEmpty(): boolean {
    return this.present.size === 0;
  }

  /** Whether a write may be tried. */
  get mayWrite(): boolean {
    return !UNWRITABLE.some((trouble) => this.present.has(trouble));
  }

  has(trouble: Trouble): boolean {
    return this.present.has(trouble);
  }

  /** Adds a trouble. Returns false if it had begun before. */
  begin(trouble: Trouble): boolean {
    if (this.present.has(trouble)) return false;
    const wasNone = this.isEmpty;
    this.present.add(trouble);
    if (wasNone) this.listeners.notify(false);
    return true;
  }

  /** Removes a trouble. Returns false if the store did not have it. */
  end(trouble: Trouble): boolean {
    if (!this.present.delete(trouble)) return false;
    if (this.isEmpty) this.listeners.notify(true);
    return true;
  }

  /** Calls `listener` each time when the store becomes ready or stops being ready. Returns a function that ends that. */
  watch(listener: (ready: boolean) => void): () => void {
    return this.listeners.add(listener);
  }
}
