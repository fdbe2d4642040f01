import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { NodeEntry } from "../../core/nodes.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { ConversationStore } from "../../core/ports/conversations.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { Store } from "../../core/ports/store.ts";
import type { RedisAddress } from "../../core/redis-address.ts";
import type { ConnectOptions } from "../../engine/redis/connection/connect.ts";
import { inspectRedis, type RedisInspection } from "../../engine/redis/inspect.ts";
import { openRedisConversations } from "../../engine/redis/messages/conversations.ts";
import { beginRedisEpoch } from "../../engine/redis/new-epoch.ts";
import { openRedis, openRedisAccounts, readRedisNodes } from "../../engine/redis/open.ts";
import { StoreInUse } from "../../engine/sqlite/folder/lock.ts";
import { openConversations } from "../../engine/sqlite/messages/conversations.ts";
import { beginSqliteEpoch } from "../../engine/sqlite/new-epoch.ts";
import { openAccounts, openSqlite, type SqliteOptions } from "../../engine/sqlite/open.ts";
import { type Log, openLog } from "../../server/log/log.ts";
import { LogOutput } from "../../server/log/output.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { redisAddressOf } from "../../server/settings/redis-address.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { explainStoreError, prepareDataDir, requireStore, retentionOf } from "./data-dir.ts";

// The one place that chooses between the embedded engine and Redis: for a server, and for commands beside servers.

interface StoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens what a server keeps its data in. Throws a Failure, or what the engine says in its own words. */
export async function openStoreFor(settings: Settings, deps: StoreDeps): Promise<OpenedStore> {
  const address = redisAddressOf(settings);
  const retention = retentionOf(settings);
  if (address !== undefined) {
    const { ackAfter, nodeLease } = settings;
    const options = redisOptions(settings, address, deps);
    const store = await openRedis({ ...options, retention, ackAfter, leaseMs: nodeLease * 1000 });
    return { store, node: options.node };
  }
  prepareDataDir(settings);
  const store = openSqlite({ ...sqliteOptions(settings, deps), retention });
  return { store: await store.catch(explainStoreError(settings.dataDir)) };
}

export interface OpenedStore {
  readonly store: Store;
  /** Names this server among those that share the store; undefined where it is the only one. */
  readonly node?: string;
}

/** Runs `task` on the accounts and what was revoked, beside the servers that may run on them, and closes them again. */
export async function withStore<T>(
  settings: Settings,
  task: (accounts: AccountStore, revocations: RevocationStore) => Promise<T>,
): Promise<T> {
  const store = await openForCommand(settings, openRedisAccounts, openAccounts);
  try {
    return await task(store.accounts, store.revocations).catch(explainStoreError(settings.dataDir));
  } finally {
    await store.close();
  }
}

/** Runs `task` on the conversations, beside the servers that may run on them, and closes them again. */
export async function withConversations<T>(
  settings: Settings,
  task: (conversations: ConversationStore) => Promise<T>,
): Promise<T> {
  const conversations = await openForCommand<ConversationStore>(
    settings,
    openRedisConversations,
    openConversations,
  );
  try {
    return await task(conversations).catch(explainStoreError(settings.dataDir));
  } finally {
    await conversations.close();
  }
}

/** Removes conversations in a server's name; answers those that there were. */
export function removeConversations(
  settings: Settings,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  return withConversations(settings, async (conversations) => {
    const removed = new Set<string>();
    for (const id of ids) if (await conversations.remove(id)) removed.add(id);
    return removed;
  });
}

/** Deletes what was removed for good where no server does it. */
export async function purgeRemoved(settings: Settings): Promise<void> {
  if (redisAddressOf(settings) !== undefined) return;
  const store = await openSqlite(sqliteOptions(settings, commandDeps())).catch((error) => {
    // A server that runs on the files does it itself.
    if (error instanceof StoreInUse) return undefined;
    throw error;
  });
  try {
    await store?.applyRetention();
  } finally {
    await store?.close();
  }
}

/** Begins a new epoch in the store: beside the nodes that run on a Redis, but beside no embedded server. Answers it. */
export function beginNewEpoch(settings: Settings): Promise<string> {
  return openForCommand(settings, beginRedisEpoch, beginSqliteEpoch);
}

/** The nodes that share a Redis, and its time; undefined without Redis. */
export async function readNodes(
  settings: Settings,
): Promise<{ nodes: readonly NodeEntry[]; now: number } | undefined> {
  const address = redisAddressOf(settings);
  if (address === undefined) return undefined;
  return readRedisNodes({ ...redisOptions(settings, address, commandDeps()), timeoutMs: COMMAND_TIMEOUT_MS });
}

/** What the Redis of the settings is like. Throws what keeps it from answering within `patience` milliseconds. */
export async function inspectRedisFor(settings: Settings, timeoutMs: number): Promise<RedisInspection> {
  const address = redisAddressOf(settings);
  if (address === undefined) throw new Error("The settings name no Redis.");
  // Whoever asks tells what was found; a log beside it would tell it twice.
  const deps = { clock: systemClock(), log: openLog({ level: "silent", format: "json" }) };
  return inspectRedis({ ...redisOptions(settings, address, deps), timeoutMs });
}

async function openForCommand<T>(
  settings: Settings,
  onRedis: (options: ConnectOptions) => Promise<T>,
  onSqlite: (options: SqliteOptions) => T,
): Promise<T> {
  const address = redisAddressOf(settings);
  if (address !== undefined)
    return onRedis({ ...redisOptions(settings, address, commandDeps()), timeoutMs: COMMAND_TIMEOUT_MS });
  requireStore(settings);
  return Promise.try(() => onSqlite(sqliteOptions(settings, commandDeps()))).catch(
    explainStoreError(settings.dataDir),
  );
}

/** How long a command waits for Redis, in milliseconds: somebody sits there. */
const COMMAND_TIMEOUT_MS = 5_000;

/** Standard output is for what a command answers; the log of a command is for faults only. */
function commandDeps(): StoreDeps {
  return {
    clock: systemClock(),
    log: openLog({ level: "warn", format: "pretty", output: new LogOutput(2) }),
  };
}

function sqliteOptions({ dataDir, storeSync: sync }: Settings, { clock, log }: StoreDeps): SqliteOptions {
  return { dataDir, clock, log, sync };
}

function redisOptions(
  { redisPrefix: prefix, startupTimeout }: Settings,
  address: RedisAddress,
  { clock, log }: StoreDeps,
): ConnectOptions {
  return { address, prefix, node: newNodeId(), timeoutMs: startupTimeout * 1000, clock, log };
}

/** The machine's name, so that an operator finds it, and a part of chance, so that a node that restarts is another. */
function newNodeId(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9.-]/g, "-")
    .slice(0, 40)}-${randomBytes(3).toString("hex")}`;
}
