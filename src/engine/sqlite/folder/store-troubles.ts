import { Listeners } from "../../listeners.ts";

/**
 * Why a store takes no messages now. Each begins and ends by itself:
 *
 *   write    the last write failed
 *   space    the disk is nearly full: the next write may fail
 *   files    the files that are open are not those in the folder any more
 *   damage   the truth is damaged; only a restart ends it
 *   index    the index is damaged and is being rebuilt
 */
export type Trouble = "write" | "space" | "files" | "damage" | "index";

/** In these nothing may be written: it would be lost, or make the damage worse. In the others a write is worth trying. */
const UNWRITABLE: readonly Trouble[] = ["files", "damage", "index"];

/** All that keeps a store from being ready, at this moment. */
export class StoreTroubles {
  private readonly present = new Set<Trouble>();
  private readonly listeners = new Listeners<boolean>();

  get isEmpty(): boolean {
    return this.present.size === 0;
  }

  /** Whether writing is worth a try. */
  get mayWrite(): boolean {
    return !UNWRITABLE.some((trouble) => this.present.has(trouble));
  }

  has(trouble: Trouble): boolean {
    return this.present.has(trouble);
  }

  /** Returns false where it had begun before. */
  begin(trouble: Trouble): boolean {
    if (this.present.has(trouble)) return false;
    const wasNone = this.isEmpty;
    this.present.add(trouble);
    if (wasNone) this.listeners.notify(false);
    return true;
  }

  /** Returns false where there was no such trouble. */
  end(trouble: Trouble): boolean {
    if (!this.present.delete(trouble)) return false;
    if (this.isEmpty) this.listeners.notify(true);
    return true;
  }

  /** Calls `listener` each time when the store becomes ready, or is not ready any more. Returns a function that stops it. */
  watch(listener: (ready: boolean) => void): () => void {
    return this.listeners.add(listener);
  }
}
