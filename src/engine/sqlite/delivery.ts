import type { Emit } from "../../core/events/events.ts";
import type { StoredChange } from "../../core/ports/conversation/changes.ts";
import type { BatchOutcome } from "./batch-outcome.ts";
import type { SqliteChanges } from "./changes/changes.ts";
import type { SqliteInbox } from "./inbox/inbox.ts";
import type { SqliteMembers } from "./members/members.ts";
import type { Subscriptions } from "./messages/subscriptions.ts";
import type { SqliteStreams } from "./streams/streams.ts";

export interface DeliveryDeps {
  readonly subscriptions: Pick<Subscriptions, "deliver" | "has">;
  readonly members: Pick<SqliteMembers, "announce">;
  readonly inbox: Pick<SqliteInbox, "announce" | "notify">;
  readonly streams: Pick<SqliteStreams, "announce">;
  readonly changes: Pick<SqliteChanges, "announce">;
  readonly emit: Emit;
}

/** Announces what a batch has stored, and replies to its operations, after the commit. */
export class Delivery {
  constructor(private readonly deps: DeliveryDeps) {}

  deliver(outcome: BatchOutcome): void {
    const { announce, joined, operation, result } = outcome;
    if (announce !== undefined) {
      const { conversation, entry } = announce;
      this.deps.subscriptions.deliver(conversation, entry);
      if (joined !== undefined) this.deps.members.announce(conversation, [joined]);
    } else if (joined !== undefined && operation.kind === "stream" && operation.request.type === "start")
      this.deps.members.announce(operation.request.conversation, [joined]);
    this.deps.inbox.announce(outcome);
    if (outcome.messages !== undefined || outcome.events !== undefined) this.announceStreams(outcome);
    if (outcome.changed !== undefined) this.announceChange(outcome.changed);
    this.reply(operation, result);
  }

  private announceChange(change: StoredChange): void {
    const { subscriptions, changes, inbox } = this.deps;
    const { conversation, kind } = change;
    // The inbox shows the newest message; which one that is, its listeners read.
    if (kind !== "react") inbox.notify(conversation);
    if (!subscriptions.has(conversation)) return;
    try {
      changes.announce(change);
    } catch (error) {
      // As in `reply`.
      this.deps.emit("engine.listener_failed", { error: String(error) });
    }
  }

  private announceStreams({ messages = [], events = [] }: BatchOutcome): void {
    const { subscriptions, inbox, streams } = this.deps;
    for (const { conversation, entry } of messages) {
      subscriptions.deliver(conversation, entry);
      inbox.notify(conversation);
    }
    for (const event of events) {
      try {
        streams.announce(event);
      } catch (error) {
        // As in `reply`.
        this.deps.emit("engine.listener_failed", { error: String(error) });
      }
    }
  }

  reply(operation: BatchOutcome["operation"], result: BatchOutcome["result"]): void {
    try {
      (operation.done as (reply: typeof result) => void)(result);
    } catch (error) {
      // An error in one reply must not keep the others from being sent: their messages are stored.
      this.deps.emit("engine.listener_failed", { error: String(error) });
    }
  }
}
