import type { Database } from "bun:sqlite";
import type { FeedPlace } from "./place.ts";

/** An epoch of the store, and where the log and the events ended when it began. */
interface FeedEpoch extends FeedPlace {
  readonly epoch: string;
}

/** The epochs of the store. With them the id of an event stays the same, and is not used again when the store has lost its end. */
export class FeedEpochs {
  private readonly all: readonly FeedEpoch[];

  constructor(db: Database) {
    this.all = db.query("select epoch, log, event, at from feed_epoch order by number").all() as FeedEpoch[];
  }

  /** The present one. */
  get current(): string {
    return this.all.at(-1)?.epoch ?? "";
  }

  /** Returns the id of the message at a position of the log, or of the event with a number. */
  idOf(kind: "log" | "event", number: number): string {
    const epoch = this.all.findLast((one) => one[kind] < number) ?? this.all[0];
    return `${epoch?.epoch ?? ""}-${kind === "log" ? "m" : "e"}${number.toString(36)}`;
  }

  /** Returns the place where an earlier epoch ended in this store; undefined for an epoch that is not known. */
  endOf(epoch: string): FeedPlace | undefined {
    const found = this.all.findIndex((one) => one.epoch === epoch);
    return found < 0 ? undefined : this.all[found + 1];
  }
}
