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

/** Whether a target is this migration's now; `held`: another has it; `occupied`: something is there; `gone`: its migration is not there. */
export type ClaimResult = "ok" | "held" | "occupied" | "gone";

/** A difference between the source and the target, in words. */
export type Difference = string;

/** The store to which a migration writes. Everything can be written again. */
export interface MigrationTarget {
  readonly description: string;
  /** Reasons why it should not be used, for an operator. */
  readonly warnings: readonly string[];
  /** The unfinished migration that it has. */
  readState(): Promise<MigrationState | undefined>;
  /**
   * Claims the target for one owner until `close`, or for a while after a process was killed; the same owner can claim it again. A
   * migration that is new stores its state with that, where nothing is there; the others go on with the state that is there.
   */
  claim(owner: string, newState?: MigrationState): Promise<ClaimResult>;
  /** Takes the claim and the state of a new migration back. */
  abandon(): Promise<void>;
  /** Throws where another has claimed the target meanwhile. */
  saveState(state: MigrationState): Promise<void>;
  /** Whether a node runs on it now. */
  hasRunningNodes(): Promise<boolean>;
  /** Returns something that is stored there and not of an unfinished migration. */
  findOther(): Promise<Occupant | undefined>;
  /** Removes everything under the prefix but the state. MUST be called only where there is a state, and with the claim. */
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
  /** Returns what an error of the target means, for an operator; undefined where it is not one of the target. */
  explainError(error: unknown): string | undefined;
  /** Removes the state: nodes may start from now on. `retention` is what was carried: no default of theirs may remove it. */
  finish(retention: RetentionLimits): Promise<void>;
  close(): Promise<void>;
}
