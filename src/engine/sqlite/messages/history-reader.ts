import type { Entry } from "../../../core/conversation/entry.ts";
import { historyRange, MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { HistoryRequest } from "../../../core/ports/message-log.ts";
import type { PageRequest } from "../../page-queue.ts";
import type { ConversationHead } from "./conversation-head.ts";
import type { MessageLog } from "./message-log.ts";

/** Reads the part of a conversation that a request asks for. */
export class HistoryReader {
  constructor(private readonly messages: Pick<MessageLog, "read">) {}

  /** Returns the entries for a `history` request. */
  history(head: ConversationHead, request: HistoryRequest): { entries: Entry[]; more: boolean } {
    const { first, last, more } = historyRange(request, head);
    const newestFirst = request.after === undefined;
    const { entries, cut } = this.messages.read(head, first, last, newestFirst, MAX_HISTORY_BYTES);
    return { entries, more: more || cut };
  }

  /** Returns a page of the entries that a client missed. */
  page(head: ConversationHead, { after, upTo, count }: PageRequest): Entry[] {
    const range = { first: head.first, seq: Math.min(head.seq, upTo) };
    const { first, last } = historyRange({ after, count }, range);
    return this.messages.read(head, first, last, false, MAX_HISTORY_BYTES).entries;
  }
}
