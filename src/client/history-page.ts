import type { AnyData, Message } from "./message.ts";

/** Messages of a conversation that were read together, in the order of `seq`. */
export interface HistoryPage<Data extends object = AnyData> {
  readonly messages: readonly Message<Data>[];
  /** Whether there are further messages in the same direction. */
  readonly more: boolean;
}
