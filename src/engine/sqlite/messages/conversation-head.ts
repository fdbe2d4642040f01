/** A row of the table `conversation` (migrations.ts). */
export interface ConversationRow {
  readonly number: number;
  readonly id: string;
  readonly first_seq: number;
  readonly keep_messages: number | null;
  readonly keep_days: number | null;
  readonly changed: number;
  readonly removals: number;
  readonly removed_seq: number;
  readonly removed_at: number;
  readonly facts: string | null;
  readonly guard: number;
  readonly members: number;
  readonly owners: number;
  readonly revision: number;
  readonly rev: number;
}

/** The columns of a ConversationRow. */
export const CONVERSATION_COLUMNS =
  "number, id, first_seq, keep_messages, keep_days, changed, removals, removed_seq, removed_at, facts, guard, members, owners, revision, rev";

/** The columns from which a ConversationHead is made. */
export type HeadRow = Pick<
  ConversationRow,
  "number" | "id" | "first_seq" | "removals" | "removed_seq" | "facts" | "guard" | "rev"
>;

/** The state of a conversation in the log. Rows refer to it by `number`. */
export interface ConversationHead {
  readonly id: string;
  readonly number: number;
  /** The newest `seq`; 0 when there is no message. */
  seq: number;
  /** The oldest `seq` that may be read, the floor; `seq` + 1 when there is no message. */
  first: number;
  epoch: string;
  /** The newest change; 0 for none in this epoch. */
  rev: number;
  /** How often it was removed, and the newest `seq` at the last removal. */
  removals: number;
  removedSeq: number;
  hasFacts: boolean;
  /** Whether posts must look at the standing of their sender, as in members/member-table.ts. */
  guard: number;
  /** Users who are known to be members, or undefined for none: their posts look up no standing. */
  known: Set<string> | undefined;
}

/** Returns whether there is a conversation, and not only the name of one that was removed. */
export function existsAsConversation({ hasFacts, seq, removedSeq }: ConversationHead): boolean {
  return hasFacts || seq > removedSeq;
}
