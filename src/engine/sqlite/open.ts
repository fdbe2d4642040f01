import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type RetentionLimits, UNLIMITED_RETENTION } from "../../core/conversation/retention.ts";
import type { Emit } from "../../core/events/events.ts";
import { DEFAULT_FEED_RETENTION, type FeedRetention } from "../../core/feed/retention.ts";
import type { ApiKeyStore } from "../../core/ports/access/api-keys.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { SigningKeyStore, Store } from "../../core/ports/store.ts";
import { DEFAULT_STREAM_RULES, type StreamRules } from "../../core/streams/draft.ts";
import { localPorts } from "../local/ports.ts";
import { SqliteAccounts } from "./accounts/accounts.ts";
import { SqliteApiKeys } from "./accounts/api-keys.ts";
import { SqliteRefreshFamilies } from "./accounts/refresh-families.ts";
import { SqliteRevocations } from "./accounts/revocations.ts";
import { SqliteSigningKeys } from "./accounts/signing-keys.ts";
import { SqliteEngine } from "./engine.ts";
import { SqliteWebhooks } from "./feed/webhooks.ts";
import { fileBoard } from "./folder/activity-files.ts";
import type { Disk } from "./folder/disk-watch.ts";
import { END_MARK_FILE, type LogEnd, readEndMark } from "./folder/end-mark.ts";
import { checkFileAccess, checkKinds, withFileErrors } from "./folder/folder-files.ts";
import { lockFolder } from "./folder/lock.ts";
import { detectUncleanShutdown, markCleanShutdown } from "./folder/unclean-shutdown.ts";
import { guardedPort } from "./guarded-port.ts";
import { openIndexFile, recordLostTail } from "./index/index-file.ts";
import { IndexWorker } from "./index/index-worker.ts";
import { measureFolder } from "./measure.ts";
import {
  beginEpoch,
  INDEX_FILE,
  openStore,
  readLastPosition,
  readMeta,
  STORE_FILE,
  type StoreSync,
  waitForLocks,
} from "./schema.ts";
import { forgetUpgradeCopies, type StoreUpgrade } from "./upgrade/upgrade.ts";

/** Messages that the index may lack at the start. If it lacks more, they are indexed before the server opens, to save memory. */
const MAX_INDEX_LAG = 200_000;

/** How long the command line waits for a server's commit, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 5_000;

export interface SqliteOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called with the seconds that each batch took. */
  readonly observeBatch?: ((seconds: number) => void) | undefined;
  readonly sync: StoreSync;
  /** How long messages are kept in conversations without limits of their own. Without it: for ever. */
  readonly retention?: RetentionLimits;
  /** How long events of the feed are kept. Without it: DEFAULT_FEED_RETENTION. */
  readonly feedRetention?: FeedRetention;
  readonly streamRules?: StreamRules;
  /** For how long users may edit and erase their own messages, in milliseconds. Without it: for ever. */
  readonly editWithin?: number;
  /** The free space of the disk, in tests. */
  readonly disk?: Disk;
}

/**
 * Opens a data folder for the server that runs on it.
 *
 * Throws StoreInUse when another server runs on it, StoreTooNew, and FileUnusable when a file cannot be used or the store
 * file of a folder that had one is missing.
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const { dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  checkKinds(dataDir);
  checkFileAccess(dataDir);
  const lock = lockFolder(dataDir);
  // The resources opened so far. If a later step fails, they are closed in reverse order.
  const opened = [() => lock.release()];
  try {
    return await openFiles(options, opened);
  } catch (error) {
    for (const close of opened.reverse()) close();
    throw error;
  }
}

/** Opens the files of a folder that this process has locked. Adds a function that closes each of them to `opened`. */
async function openFiles(options: SqliteOptions, opened: (() => void)[]): Promise<Store> {
  const {
    dataDir,
    clock,
    emit,
    retention = UNLIMITED_RETENTION,
    feedRetention = DEFAULT_FEED_RETENTION,
    streamRules = DEFAULT_STREAM_RULES,
    editWithin = 0,
    disk,
  } = options;
  const release = opened[0]!;
  const paths = {
    store: join(dataDir, STORE_FILE),
    index: join(dataDir, INDEX_FILE),
    end: join(dataDir, END_MARK_FILE),
  };
  // The event loop never waits for a lock: a batch that finds the store busy is tried again a little later.
  const upgraded = ({ from, to, copy }: StoreUpgrade) =>
    emit("store.upgraded", { from_schema: from, to_schema: to, file: copy });
  const db = openStore(paths.store, options.sync, 0, { upgraded });
  opened.push(() => db.close());
  const accountsDb = openStore(paths.store, options.sync, COMMAND_TIMEOUT_MS);
  opened.push(() => accountsDb.close());
  const stopForgetting = forgetUpgradeCopies(dataDir, clock, emit);
  opened.push(stopForgetting);
  const end = withFileErrors(paths.end, () => readEndMark(paths.end));
  withFileErrors(paths.store, () => {
    // Before the others: after a loss of power this begins an epoch, which the end mark does not name.
    detectLostTail(end, accountsDb, emit);
    detectUncleanShutdown(accountsDb, emit);
  });
  const index = withFileErrors(paths.index, () => openIndexFile(paths.index, db, emit));
  opened.push(() => index.close());
  const lastPosition = withFileErrors(paths.store, () => readLastPosition(db));
  const indexWorker = new IndexWorker(paths, lastPosition, index.indexed, emit);
  opened.push(() => indexWorker.abandon());
  if (lastPosition - index.indexed > MAX_INDEX_LAG) {
    emit("store.indexing", { messages: lastPosition - index.indexed });
    await indexWorker.runRound();
  }
  const description = `embedded, ${paths.store}`;
  const rules = { retention, feedRetention, streamRules, editWithin };
  const { observeBatch } = options;
  const deps = { db, index, indexWorker, clock, emit, observeBatch, description, ...rules, paths, disk };
  const engine = withFileErrors(paths.store, () => new SqliteEngine(deps));
  const webhooks = new SqliteWebhooks(accountsDb, clock, emit);
  withFileErrors(paths.store, () => webhooks.forgetSenders());
  withFileErrors(paths.store, () => waitForLocks(db, () => engine.feed.recover()));
  let closing: Promise<void> | undefined;
  const close = async () => {
    stopForgetting();
    await engine.close();
    markCleanShutdown(accountsDb);
    accountsDb.close();
    release();
  };
  return {
    ...localPorts(clock, emit),
    activityBoard: fileBoard(dataDir, clock),
    engine,
    accounts: guardedPort(new SqliteAccounts(accountsDb, clock, emit), engine.condition),
    apiKeys: guardedPort(new SqliteApiKeys(accountsDb, clock, emit), engine.condition),
    webhooks: guardedPort(webhooks, engine.condition),
    revocations: guardedPort(new SqliteRevocations(accountsDb, clock, emit), engine.condition),
    members: guardedPort(engine.members, engine.condition),
    feed: engine.feed,
    relay: engine.feed.relay,
    persons: guardedPort(engine.persons, engine.condition),
    refreshTokens: guardedPort(new SqliteRefreshFamilies(accountsDb, clock), engine.condition),
    signingKeys: guardedPort(new SqliteSigningKeys(accountsDb), engine.condition),
    measure: () => measureFolder(accountsDb, paths),
    applyRetention: () => engine.clean(),
    close: () => (closing ??= close()),
  };
}

/**
 * Begins a new epoch if the log lacks messages that were announced, because its write-ahead log was truncated or removed.
 * Also begins one if the end mark names another epoch than the log: then it is unknown which messages are missing (D5).
 */
function detectLostTail(end: LogEnd | undefined, store: Database, emit: Emit): void {
  if (end === undefined) return;
  const missing = end.position - readLastPosition(store);
  if (missing > 0) {
    recordLostTail(store, missing, emit);
    return;
  }
  if (end.epoch !== readMeta(store, "epoch")) {
    emit("store.replaced", {
      advice:
        "parley.db is not the store that ran in this folder last. If a backup was restored, disable and revoke again what you have disabled and revoked since it was made.",
    });
    beginEpoch(store);
  }
}

/** Opens the accounts, API keys, webhooks, revocations and digests of signing keys of a data folder for a command. A server may run on the folder. */
export function openAccounts(options: SqliteOptions): {
  accounts: AccountStore;
  apiKeys: ApiKeyStore;
  webhooks: WebhookStore;
  revocations: RevocationStore;
  signingKeys: SigningKeyStore;
  close(): void;
} {
  const { dataDir, clock, emit, sync } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = openStore(join(dataDir, STORE_FILE), sync, COMMAND_TIMEOUT_MS);
  return {
    accounts: new SqliteAccounts(db, clock, emit),
    apiKeys: new SqliteApiKeys(db, clock, emit),
    webhooks: new SqliteWebhooks(db, clock, emit),
    revocations: new SqliteRevocations(db, clock, emit),
    signingKeys: new SqliteSigningKeys(db),
    close: () => db.close(),
  };
}
