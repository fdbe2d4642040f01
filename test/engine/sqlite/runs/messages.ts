import { messageKey } from "../../../../src/engine/sqlite/message-key.ts";
import { NUMBERS } from "../../../../src/engine/sqlite/runs/taking-in.ts";

/** A message as plain data. */
export interface Named {
  readonly position: number;
  readonly key: number;
  readonly conversation: number;
  readonly seq: number;
}

/** What stands at `position` where so many conversations take turns. */
export function messageAt(position: number, conversations: number): Named {
  const conversation = 1 + (position % conversations);
  return {
    position,
    key: messageKey(1, conversation, "anna", String(position)),
    conversation,
    seq: 1 + Math.floor((position - (position % conversations)) / conversations),
  };
}

/** Messages as they are handed to `takeIn`. */
export function numbersOf(messages: readonly Named[]): Float64Array {
  const numbers = new Float64Array(messages.length * NUMBERS);
  for (const [i, { position, key, conversation, seq }] of messages.entries())
    numbers.set([position, key, conversation, seq], i * NUMBERS);
  return numbers;
}
