import { messageKey } from "../../../../../src/engine/sqlite/index/message-key.ts";
import { FIELDS_PER_ENTRY } from "../../../../../src/engine/sqlite/index/runs/ingest.ts";

/** A message as plain data. */
export interface TestEntry {
  readonly position: number;
  readonly key: number;
  readonly conversation: number;
  readonly seq: number;
}

/** The entry at `position` when this many conversations alternate. */
export function entryAt(position: number, conversations: number): TestEntry {
  const conversation = 1 + (position % conversations);
  return {
    position,
    key: messageKey(1, conversation, "anna", String(position)),
    conversation,
    seq: 1 + Math.floor((position - (position % conversations)) / conversations),
  };
}

/** Messages as they are handed to `takeIn`. */
export function encodeEntries(messages: readonly TestEntry[]): Float64Array {
  const numbers = new Float64Array(messages.length * FIELDS_PER_ENTRY);
  for (const [i, { position, key, conversation, seq }] of messages.entries())
    numbers.set([position, key, conversation, seq], i * FIELDS_PER_ENTRY);
  return numbers;
}
