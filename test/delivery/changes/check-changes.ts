import { isDeepStrictEqual } from "node:util";
import type { ChangeAnswer, ChangingRecord, HeldMessage } from "./change-record.ts";

export type ChangeViolationKind =
  /** CH1: a client holds a message in another state than the store. */
  | "state"
  /** CH1: two changes have one `rev`, or a `rev` belongs to no change. */
  | "rev"
  /** CH4: what was acked is not so in the end. */
  | "lost"
  /** CH3: an erased message has content, or a text that is gone is in a file. */
  | "erased"
  | "refused"
  | "crash";

export interface ChangeViolation {
  readonly kind: ChangeViolationKind;
  readonly text: string;
}

export interface StoredChanges {
  readonly messages: readonly HeldMessage[];
  readonly rev: number;
  readonly epoch: string;
}

/** Compares what clients hold and were answered with what the store has. */
export function checkChanges(
  records: readonly ChangingRecord[],
  stored: ReadonlyMap<string, StoredChanges>,
): ChangeViolation[] {
  return [...stored].flatMap(([conversation, { messages, rev, epoch }]) => {
    const own = records.filter((record) => record.conversation === conversation);
    const bySeq = new Map(messages.map((message) => [message.seq, message]));
    return [
      ...own.flatMap((record) => checkHeld(record, bySeq)),
      ...checkRevs(conversation, own, { rev, epoch }),
      ...messages.flatMap((message) => checkMessage(conversation, message, { records: own, epoch })),
    ];
  });
}

/** Returns what a client holds otherwise than it is stored. */
export function checkHeld(
  { name, conversation, held }: ChangingRecord,
  stored: ReadonlyMap<number, HeldMessage>,
): ChangeViolation[] {
  return [...held.values()].flatMap((message) => {
    const kept = stored.get(message.seq);
    if (isDeepStrictEqual(withoutMine(message), kept && withoutMine(kept))) return [];
    const text = `${conversation} ${name} holds ${JSON.stringify(message)}, stored is ${JSON.stringify(kept)}`;
    return [{ kind: "state", text }];
  });
}

function withoutMine({ mine: _, ...message }: HeldMessage): object {
  return message;
}

/**
 * A store that has lost changes has given their numbers again: those of an earlier epoch are only known to have been acked. A change
 * whose answer came too late for its epoch may have its number without an ack.
 */
function checkRevs(
  conversation: string,
  records: readonly ChangingRecord[],
  { rev, epoch }: Pick<StoredChanges, "rev" | "epoch">,
): ChangeViolation[] {
  const earlier = new Set<number>();
  const made = new Map<number, string>();
  const violations: ChangeViolation[] = [];
  for (const { name, answers } of records)
    for (const { asked, rev: own, epoch: of } of answers) {
      if (own === undefined) continue;
      if (of !== epoch) earlier.add(own);
      if (of !== epoch) continue;
      const before = made.get(own);
      if (before !== undefined)
        violations.push({
          kind: "rev",
          text: `${conversation}: ${own} is of ${before} and of ${name} ${asked.id}`,
        });
      made.set(own, `${name} ${asked.id}`);
    }
  const unanswered = records.reduce((sum, record) => sum + record.unanswered, 0);
  const unacked = Array.from({ length: rev }, (_, i) => i + 1).filter(
    (each) => !made.has(each) && !earlier.has(each),
  );
  for (const each of unacked.slice(unanswered))
    violations.push({ kind: "rev", text: `${conversation}: ${each} of ${rev} was never acked` });
  const newest = Math.max(0, ...made.keys());
  if (newest > rev)
    violations.push({ kind: "rev", text: `${conversation}: ${newest} was acked, ${rev} are stored` });
  return violations;
}

/**
 * Compares a message with the changes that were acked: the last edit, any erasure, and the last word of each user on each reaction.
 * Of changes of an earlier epoch it is not known whether they are lost; so reactions after them are not compared.
 */
function checkMessage(
  conversation: string,
  message: HeldMessage,
  { records, epoch }: { readonly records: readonly ChangingRecord[]; readonly epoch: string },
): ChangeViolation[] {
  const name = `${conversation} ${message.seq}`;
  const made = records.flatMap(({ user, answers }) =>
    answers
      .filter(({ asked, rev }) => asked.seq === message.seq && rev !== undefined)
      .map((answer) => ({ ...answer, user })),
  );
  const present = made.filter((answer) => answer.epoch === epoch);
  const sorted = present.sort((one, other) => one.rev! - other.rev!);
  const erasure = sorted.find(({ asked }) => asked.type === "erase");
  if (erasure !== undefined) {
    const isEmpty = message.text === "" && message.reactions === undefined && message.erased !== undefined;
    const last = sorted.at(-1) === erasure;
    return isEmpty && last ? [] : [{ kind: "erased", text: `${name}: ${JSON.stringify(message)}` }];
  }
  const edit = sorted.findLast(({ asked }) => asked.type === "edit");
  const violations: ChangeViolation[] = [];
  if (edit?.asked.type === "edit" && message.text !== edit.asked.text)
    violations.push({ kind: "lost", text: `${name}: edited to ${edit.asked.text}, is ${message.text}` });
  if (present.length < made.length) return violations;
  const reactions = (message.reactions ?? {}) as Record<string, { count: number; users: string[] }>;
  for (const [reaction, users] of reactionsOf(sorted)) {
    const { count = 0, users: shown = [] } = Object.hasOwn(reactions, reaction) ? reactions[reaction]! : {};
    if (count !== users.length || !isDeepStrictEqual(shown, users.slice(0, 5)))
      violations.push({ kind: "lost", text: `${name}: ${reaction} of ${users}, is ${count} of ${shown}` });
  }
  return violations;
}

/** Who has each reaction after the changes, the newest first. */
function reactionsOf(made: readonly (ChangeAnswer & { user: string })[]): Map<string, string[]> {
  const reactions = new Map<string, string[]>();
  for (const { asked, user } of made) {
    if (asked.type !== "react") continue;
    const others = (reactions.get(asked.reaction) ?? []).filter((other) => other !== user);
    reactions.set(asked.reaction, asked.on ? [user, ...others] : others);
  }
  return reactions;
}
