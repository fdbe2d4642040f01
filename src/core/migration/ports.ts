import type { RetentionLimits } from "../conversation/retention.ts";
import type { PrimaryMemory } from "./memory.ts";
import type { ConversationRecord, MessageBatch, MigrationSize, StoreRecord, UserRecord } from "./records.ts";
import type { MigrationState, Occupant, SourceIdentity } from "./state.ts";

/** The store from which a migration reads. No server runs on it, and nothing is written to it but by `leave`. */
export interface MigrationSource extends SourceIdentity {
  /** Decides which messages are carried, and counts. MUST be called before the readers. `now`: in milliseconds since 1970. */
  survey(retention: RetentionLimits, now: number): Promise<MigrationSize>;
  /** Reads the messages after a place, in the order in which they were stored. */
  messages(after: number): Iterable<MessageBatch>;
  /** Reads conversations in the order of `place`, after one. */
  conversations(after: number): Iterable<{ readonly place: number; readonly record: ConversationRecord }>;
  /** Reads the users who belong or belonged to conversations, in the order of their names, after one. */
  users(after: string): Iterable<UserRecord>;
  /** Reads what belongs to no conversation. */
  rest(): Iterable<StoreRecord>;
  /** Whether something was written to it since it was opened: by a command that was at work by then. */
  isChanged(): boolean;
  close(): void;
}

/** A difference between the source and the target, in words. */
export type Difference = string;

/** The store to which a migration writes. Everything can be written again. */
export interface MigrationTarget {
  readonly description: string;
  /** Reasons why it should not be used, for an operator. */
  readonly warnings: readonly string[];
  /** The unfinished migration that it has. */
  readState(): Promise<MigrationState | undefined>;
  saveState(state: MigrationState): Promise<void>;
  /** Returns something that is stored there and not of an unfinished migration. */
  findOther(): Promise<Occupant | undefined>;
  /** Removes everything under the prefix. */
  clear(): Promise<void>;
  memory(): Promise<readonly PrimaryMemory[]>;
  /** Gives the target the epoch of the source. */
  begin(epoch: string): Promise<void>;
  /** Appends messages that are not there yet. Resolves when more may be added; `flush` waits for all. */
  append(messages: MessageBatch["messages"]): Promise<void>;
  writeConversation(record: ConversationRecord, epoch: string): Promise<void>;
  writeUser(record: UserRecord): Promise<void>;
  writeRest(records: Iterable<StoreRecord>, onRecord: () => void): Promise<void>;
  flush(): Promise<void>;
  /** Notes what must be there, for `compareLogs`. */
  expect(messages: MessageBatch["messages"]): void;
  /** Reads all messages back. Calls `onProgress` with the messages that were compared. */
  compareLogs(onProgress: (messages: number) => void): Promise<readonly Difference[]>;
  /** Reads everything else back, of these conversations, users and records. Resolves with the differences since the last call. */
  compareConversation(record: ConversationRecord, epoch: string): Promise<void>;
  compareUser(record: UserRecord): Promise<void>;
  compareRest(records: Iterable<StoreRecord>): Promise<void>;
  compared(): Promise<readonly Difference[]>;
  /** Removes the state: nodes may start from now on. */
  finish(): Promise<void>;
  close(): Promise<void>;
}
