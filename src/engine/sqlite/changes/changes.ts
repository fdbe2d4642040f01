import type { ChangeListener, Changes } from "../../../core/ports/conversation/changes.ts";
import { Listeners } from "../../listeners.ts";

/** The port for changes on SQLite. */
export class SqliteChanges implements Changes {
  private readonly listeners = new Listeners<Parameters<ChangeListener>>();

  change: Changes["change"] = (_request, done) => done({ outcome: "unsupported" });
  rev: Changes["rev"] = async () => 0;
  missed: Changes["missed"] = async () => ({ changed: [], tooMany: false });
  mine: Changes["mine"] = async () => new Map();

  watch(listener: ChangeListener): () => void {
    return this.listeners.add((change) => listener(...change));
  }
}
