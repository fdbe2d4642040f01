import { isBusy } from "./folder/errors.ts";

/** What the engine does every half second besides its requests, in parts; `now` is the store's time. */
export interface Housekeeping {
  readonly members: { pollForCommands(): void; deleteEnded(now: number): void };
  readonly quotaLog: { prune(now: number): boolean; forgetIdle(now: number): void };
  readonly inbox: { writeDue(now: number): void };
  readonly streams: { sweep(): void };
  readonly changes: { housekeep(): void };
  readonly feed: { prune(): void; notify(): void };
  readonly condition: { writeFailed(error: unknown): void };
}

/** Carries out the parts that write to the store. When another process holds the lock, the next round tries again. */
export function keepHouse(parts: Housekeeping, now: number): void {
  const { members, quotaLog, inbox, streams, changes, feed, condition } = parts;
  try {
    members.pollForCommands();
    members.deleteEnded(now);
    quotaLog.prune(now);
    inbox.writeDue(now);
    streams.sweep();
    changes.housekeep();
    feed.prune();
  } catch (error) {
    if (!isBusy(error)) condition.writeFailed(error);
  }
  feed.notify();
  quotaLog.forgetIdle(now);
}
