import type { AnyData, Message } from "./message.ts";

/** A page of stored messages, in the order of `seq`. */
export interface HistoryPage<Data extends object = AnyData> {
  readonly messages: readonly Message<Data>[];
  /** Whether further messages exist in the same direction. */
  readonly more: boolean;
}
