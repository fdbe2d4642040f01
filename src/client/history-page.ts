import type { AnyData, Message } from "./message.ts";

/** A page of stored messages, in the order of `seq`. */
export interface HistoryPage<Data extends object = AnyData> {
  readonly messages: readonly Message<Data>[];
  /** Whether further messages exist in the same direction. */
  readonly more: boolean;
  /** This user's own reactions, by the `seq` of the message; missing where there are none. */
  readonly mine?: Readonly<Record<number, readonly string[]>>;
}
