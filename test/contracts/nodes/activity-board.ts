// The port on which nodes share what they do (src/core/ports/nodes/activity-board.ts) in executable form.
import { expect, test } from "bun:test";
import type { SharedActivity } from "../../../src/core/activity/node-activity.ts";
import { type ActivityBoard, SHARE_INTERVAL_MS } from "../../../src/core/ports/nodes/activity-board.ts";
import type { ManualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

/** A board on data of its own. */
export interface OpenedBoard extends AsyncDisposable {
  readonly board: ActivityBoard;
  readonly clock: ManualClock;
  /** Watches as a command does, and returns what is shared. */
  watch(): Promise<readonly SharedActivity[]>;
  /** The last request to watch becomes too old. */
  forgetWatcher(): Promise<void>;
}

/** Registers the tests of the contract. */
export function activityBoardContract(name: string, open: () => Promise<OpenedBoard>): void {
  test(`OP1 activity board, ${name}: a node shares its numbers while somebody watches, and is not asked for them otherwise`, async () => {
    await using opened = await open();
    const { board, clock, watch } = opened;
    let watched = 0;
    let read = 0;
    const stop = board.serve({
      watch: () => void watched++,
      read: () => (watched === 0 ? undefined : ({ at: ++read, url: "here" } as SharedActivity)),
    });
    const pass = async (what: string, isDone: () => boolean | Promise<boolean>) =>
      waitUntil(what, async () => {
        clock.advance(SHARE_INTERVAL_MS);
        return isDone();
      });
    clock.advance(SHARE_INTERVAL_MS);
    expect(await watch()).toEqual([]);
    await pass("the node knows that somebody watches", () => watched > 0);
    await pass("the numbers are shared", async () => (await watch()).length === 1);
    const [shared] = await watch();
    expect(shared).toMatchObject({ url: "here", ...(board.node !== undefined && { node: board.node }) });
    // The numbers of this node are not those of others.
    expect(await board.others()).toEqual([]);
    await opened.forgetWatcher();
    let before = -1;
    await pass("the node is not asked to watch any more", () => {
      const isSame = before === watched;
      before = watched;
      return isSame;
    });
    stop();
  });
}
