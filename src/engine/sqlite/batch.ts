import type { Entry } from "../../core/conversation/entry.ts";
import { relationOf } from "../../core/conversation/epoch.ts";
import { decidePost } from "../../core/conversation/post-decision.ts";
import type { Operation, OperationOf } from "../operation.ts";
import type { BatchOutcome } from "./batch-outcome.ts";
import type { HistoryReader } from "./messages/history-reader.ts";
import type { ConversationHead, MessageLog } from "./messages/message-log.ts";
import type { QuotaLog } from "./messages/quota-log.ts";
import type { ReadMarkTable } from "./messages/read-mark-table.ts";

/** Writes the rows of a batch of operations. The caller delivers the outcomes after the commit. */
export class Batch {
  constructor(
    private readonly messages: MessageLog,
    private readonly charges: QuotaLog,
    private readonly marks: ReadMarkTable,
    private readonly reader: HistoryReader,
  ) {}

  /** Carries out one operation at the store's time `now`. MUST be called inside a transaction. */
  execute(operation: Operation, now: number): BatchOutcome {
    switch (operation.kind) {
      case "post":
        return this.post(operation, now);
      case "history":
        return this.history(operation, now);
      case "mark":
        return this.setReadMark(operation);
      default:
        return operation satisfies never;
    }
  }

  private post(operation: OperationOf<"post">, now: number): BatchOutcome {
    const { request } = operation;
    const log = this.charges.of(request.user);
    // A refused request must write nothing, so a conversation is created only for a message that is stored.
    let head = this.messages.find(request.conversation);
    if (this.isOfRemoved(request.epoch, head)) return { operation, result: { outcome: "removed" } };
    let key = head === undefined ? 0 : this.messages.keyOf(head, request.user, request.id);
    const stored =
      head === undefined ? undefined : this.messages.findStored(head, key, request.user, request.id);
    const decision = decidePost(stored, log, request.limit, now);
    if (decision.outcome !== "store") return { operation, result: decision };
    if (head === undefined) {
      head = this.messages.create(request.conversation);
      key = this.messages.keyOf(head, request.user, request.id);
    }
    if (request.limit > 0) this.charges.charge(request.user, log, now);
    const { conversation, user, id, kind, body } = request;
    const entry: Entry = { kind, seq: head.seq + 1, id, from: user, at: now, body };
    this.messages.append(head, key, entry);
    return {
      operation,
      result: { outcome: "stored", seq: entry.seq, at: now, quota: log.view(request.limit, now) },
      announce: { conversation, entry },
    };
  }

  private isOfRemoved(epoch: string | undefined, head: ConversationHead | undefined): boolean {
    const now = this.messages.epochOf(head);
    return epoch !== undefined && epoch !== now && relationOf(epoch, now) === "removed";
  }

  private history(operation: OperationOf<"history">, now: number): BatchOutcome {
    const { request } = operation;
    const log = this.charges.of(request.user);
    const retryAfter = log.retryAfter(request.limit, now);
    if (retryAfter > 0) {
      return {
        operation,
        result: { outcome: "rate_limited", retryAfter, quota: log.left(request.limit, now) },
      };
    }
    if (request.limit > 0) this.charges.charge(request.user, log, now);
    const head = this.messages.find(request.conversation);
    const { entries, more } =
      head === undefined ? { entries: [], more: false } : this.reader.history(head, request);
    return { operation, result: { outcome: "read", entries, more, quota: log.view(request.limit, now) } };
  }

  private setReadMark(operation: OperationOf<"mark">): BatchOutcome {
    const { conversation, user, seq, epoch } = operation.request;
    const head = this.messages.find(conversation);
    const exists = head !== undefined && seq >= 1 && seq <= head.seq && !this.isOfRemoved(epoch, head);
    const moved = exists && this.marks.move(head.number, user, seq);
    return { operation, result: { outcome: moved ? "moved" : "stayed" } };
  }
}
