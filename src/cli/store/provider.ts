import type { ActivityAnswer } from "../../core/activity/node-activity.ts";
import type { BackupManifest } from "../../core/backup/manifest.ts";
import type { RetentionLimits } from "../../core/conversation/retention.ts";
import { EventBus } from "../../core/events/event-bus.ts";
import type { Emit } from "../../core/events/events.ts";
import type { ApiKeyStore } from "../../core/ports/access/api-keys.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { ConversationStore } from "../../core/ports/conversations.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import type { PersonReader, PersonStore } from "../../core/ports/person/person-store.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { SharedNodes, SigningKeyStore, Store } from "../../core/ports/store.ts";
import type { RedisInspection } from "../../engine/redis/inspect.ts";
import type { BackupOptions } from "../../engine/sqlite/backup/backup.ts";
import type { RestoredStore, RestoreOptions } from "../../engine/sqlite/backup/restore.ts";
import type { StoreInspection } from "../../engine/sqlite/inspect.ts";
import { hasColours } from "../../server/log/colours.ts";
import { writeEventsTo } from "../../server/log/event-log.ts";
import { openLog } from "../../server/log/log.ts";
import { LogOutput } from "../../server/log/output.ts";
import { systemClock } from "../../server/process/system-clock.ts";

/**
 * Everything that the command line does with the store of some settings, on one technology. There is one implementation
 * for each technology; providers.ts chooses. Methods throw CliError, or an error in the engine's own words.
 */
export interface StoreProvider {
  /** Limits of what is kept where the settings set none. */
  readonly defaultRetention: RetentionLimits;
  /** The path of the store where it depends on the current folder, to be named after a change; else undefined. */
  readonly relativePath: string | undefined;

  /** Makes what a server needs before it can open the store: the data folder. */
  prepare(): void;
  /** Whether there is a store that a command could open. Throws where that cannot be known, or where a store is lost. */
  exists(): boolean;
  /** Throws CliError where a command cannot work on the store because there is none. A command never makes one. */
  check(): void;

  /** Opens all ports for a server. */
  open(deps: StoreDeps): Promise<OpenedStore>;
  /** Opens accounts, API keys, webhooks, revocations and digests of signing keys for a command, beside the servers that may run on the store. */
  openAccounts(): Promise<CommandAccounts>;
  /** Opens the conversations for a command, beside the servers that may run on the store. */
  openConversations(): Promise<ConversationStore>;
  /** Opens the facts and members of conversations for a command, beside the servers that may run on the store. */
  openMembers(): Promise<CommandMembers>;

  /** Opens what the store has about persons for a command that reads it, beside the servers that may run on the store. */
  openPersons(): Promise<CommandPersons>;

  /** Opens all ports where no server runs on the store; undefined where one does. */
  openWithoutServer(deps: StoreDeps): Promise<Store | undefined>;

  /** Deletes for good what was removed, where no server does it. */
  purgeRemoved(): Promise<void>;
  /** Begins a new epoch and returns it. Embedded: only while no server runs. */
  beginEpoch(): Promise<string>;
  /** Copies the store into a folder, beside the server that may run on it, and verifies the copy. Embedded only; see backUpStore. */
  backUp(options: BackupRequest): Promise<BackupManifest>;
  /** Puts a backup in the place of the store, and begins a new epoch. Embedded only, while no server runs; see restoreStore. */
  restore(options: RestoreRequest): Promise<RestoredStore>;
  /** Returns the nodes that share the store, and the store's time; undefined where only one server can use it. */
  readNodes(): Promise<SharedNodes | undefined>;
  /** Opens what the servers on the store share of their activity, and has them share it. Throws CliError where there is no store. */
  openActivity(): Promise<CommandActivity>;
  /** Reads what `parley doctor` checks. Changes nothing and does not throw. */
  inspect(options: InspectOptions): Promise<InspectedData>;
  /** Throws an error of the store in words that name its file or its Redis, and say what is wrong with it. */
  explainError(error: unknown): never;
}

export type BackupRequest = Omit<BackupOptions, "dataDir" | "isReadOnly">;
export type RestoreRequest = Omit<RestoreOptions, "dataDir">;

export interface StoreDeps {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called with the seconds that each batch of requests took in the store. */
  readonly observeBatch?: ((seconds: number) => void) | undefined;
}

export interface OpenedStore {
  readonly store: Store;
  /**
   * Runs a step of the start that uses the store, and waits meanwhile as `open` does where the store is away; then the step runs again. Its
   * errors are those of `explainError`.
   */
  readonly step: <T>(work: () => Promise<T>) => Promise<T>;
  /** Name of this server among those that share the store; undefined where it is the only one. */
  readonly node?: string;
}

export interface CommandAccounts {
  readonly accounts: AccountStore;
  readonly apiKeys: ApiKeyStore;
  readonly webhooks: WebhookStore;
  readonly revocations: RevocationStore;
  readonly signingKeys: SigningKeyStore;
  close(): Promise<void> | void;
}

export interface CommandActivity {
  /** Where it is read, for people. */
  readonly description: string;
  /** Returns what was shared in the last seconds; rejects when the store is away. */
  read(): Promise<ActivityAnswer>;
  close(): Promise<void>;
}

export interface CommandMembers {
  readonly members: MemberStore;
  close(): Promise<void>;
}

export interface CommandPersons {
  readonly persons: PersonReader & Pick<PersonStore, "begin" | "find">;
  close(): Promise<void>;
}

export interface InspectOptions {
  /** How long the store may take to answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Files larger than this are not read through, in bytes. */
  readonly maxFullCheckBytes: number;
}

/** Redis, or the embedded store, which may not be there yet; an error is what keeps it from being inspected. */
export type InspectedData =
  | { readonly kind: "redis"; readonly redis: RedisInspection | InspectionError }
  | { readonly kind: "embedded"; readonly store: StoreInspection | InspectionError | undefined };

export interface InspectionError {
  readonly error: string;
  /** What to do about it, where that is known. */
  readonly advice?: string;
}

/** How long a command waits for the store, in milliseconds: a person waits for the command. */
export const COMMAND_TIMEOUT_MS = 5_000;

/** Returns the clock and the events for a command. Standard output is for its result; its log is for errors only. */
export function commandDeps(): StoreDeps {
  const events = new EventBus();
  const colours = hasColours(process.stderr);
  const log = openLog({ level: "warn", format: "pretty", colours, output: new LogOutput(2) });
  events.subscribe(writeEventsTo(log));
  return { clock: systemClock(), emit: events.emit };
}
