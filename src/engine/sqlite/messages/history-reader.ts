import { historyRange, MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { HistoryRequest } from "../../../core/ports/message-log.ts";
import type { Message } from "../../../protocol/server-frames.ts";
import type { PageRequest } from "../../page-queue.ts";
import type { ConversationHead, MessageLog } from "./message-log.ts";

/** Reads the part of a conversation that a request means. */
export class HistoryReader {
  constructor(private readonly messages: Pick<MessageLog, "read">) {}

  /** For those who ask for history. */
  history(head: ConversationHead, request: HistoryRequest): { messages: Message[]; more: boolean } {
    const { first, last, more } = historyRange(request, head);
    const newestFirst = request.after === undefined;
    const { messages, cut } = this.messages.read(head, first, last, newestFirst, MAX_HISTORY_BYTES);
    return { messages, more: more || cut };
  }

  /** For those who come back. */
  page(head: ConversationHead, { after, upTo, count }: PageRequest): Message[] {
    const range = { first: head.first, seq: Math.min(head.seq, upTo) };
    const { first, last } = historyRange({ after, count }, range);
    return this.messages.read(head, first, last, false, MAX_HISTORY_BYTES).messages;
  }
}
