import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { gatherActivity } from "../../core/activity/node-activity.ts";
import { DEFAULT_REDIS_RETENTION, retentionLimitsOf } from "../../core/conversation/retention.ts";
import { feedRetentionOf } from "../../core/feed/retention.ts";
import { expiredNodes } from "../../core/nodes.ts";
import { streamRulesOf } from "../../core/streams/writing.ts";
import type { ConnectOptions } from "../../engine/redis/connection/connect.ts";
import { describeAddress } from "../../engine/redis/connection/describe-address.ts";
import { classifyError } from "../../engine/redis/connection/errors.ts";
import { beginStart, StoreMisconfigured, StoreUnavailable } from "../../engine/redis/start-step.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { redisAddressOf } from "../../server/settings/redis-address.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, errorLines, UsageError } from "../cli-error.ts";
import {
  COMMAND_TIMEOUT_MS,
  commandDeps,
  type OpenedStore,
  type StoreDeps,
  type StoreProvider,
} from "./provider.ts";

// The engine is loaded when it is used: a command or a server without Redis starts in three quarters of the time.
const engine = () => import("../../engine/redis/open.ts");

/** The Redis that the settings name, which several nodes can share. */
export function redisStore(settings: Settings): StoreProvider {
  const address = redisAddressOf(settings);
  if (address === undefined) throw new Error("The settings name no Redis.");
  const description = describeAddress(address);
  const { redisPrefix: prefix, startupTimeout, ackAfter, nodeLease } = settings;
  const optionsWith = ({ clock, emit }: StoreDeps, timeoutMs: number): ConnectOptions => ({
    address,
    prefix,
    node: newNodeId(),
    timeoutMs,
    clock,
    emit,
  });
  const commandOptions = () => optionsWith(commandDeps(), COMMAND_TIMEOUT_MS);

  const open = async (deps: StoreDeps): Promise<OpenedStore> => {
    const options = optionsWith(deps, startupTimeout * 1000);
    const step = beginStart({ ...options, description });
    const retention = retentionLimitsOf(settings, DEFAULT_REDIS_RETENTION);
    const { openRedis } = await engine();
    const store = await openRedis({
      ...{ ...options, observeBatch: deps.observeBatch, retention, ackAfter, leaseMs: nodeLease * 1000 },
      chosenRetention: settings,
      feedRetention: feedRetentionOf(settings),
      streamRules: streamRulesOf(settings),
      editWithin: settings.editSeconds * 1000,
      rewriteIntervalMs: settings.eraseRewrite * 60_000,
    });
    return { store, step, node: options.node };
  };

  function explainError(error: unknown): never {
    const isWorded = [CliError, StoreUnavailable, StoreMisconfigured].some((kind) => error instanceof kind);
    const meaning = isWorded ? undefined : classifyError(error);
    if (meaning === undefined) throw error;
    throw new CliError(
      `${description}: ${meaning.description}. When that is mended, run the command again: whether it was carried out is not known.`,
    );
  }

  return {
    defaultRetention: DEFAULT_REDIS_RETENTION,
    relativePath: undefined,
    // There is no folder, and whether Redis can be used is known when it is opened.
    prepare() {},
    exists: () => true,
    check() {},
    explainError,
    open,
    async openWithoutServer(deps) {
      const { readRedisNodes } = await engine();
      const { nodes, now } = await readRedisNodes(commandOptions()).catch(explainError);
      const dead = expiredNodes(nodes, now);
      return nodes.length > dead.length ? undefined : (await open(deps)).store;
    },
    async openAccounts() {
      const { openRedisAccounts } = await engine();
      return openRedisAccounts(commandOptions());
    },
    async openConversations() {
      const { openRedisConversations } = await import("../../engine/redis/messages/conversations.ts");
      return openRedisConversations(commandOptions());
    },
    async openMembers() {
      const { openRedisMembers } = await import("../../engine/redis/members/open.ts");
      return openRedisMembers(commandOptions());
    },
    async openPersons() {
      const { openRedisPersons } = await import("../../engine/redis/person/open.ts");
      return openRedisPersons(commandOptions());
    },
    async beginEpoch() {
      const { beginRedisEpoch } = await import("../../engine/redis/new-epoch.ts");
      return beginRedisEpoch(commandOptions()).catch(explainError);
    },
    async backUp() {
      throw new UsageError(
        "The store is in Redis, which makes its own backups: run `redis-cli bgsave` and copy the file (docs/OPERATIONS.md, Backup and restore).",
      );
    },
    async restore() {
      throw new UsageError(
        "The store is in Redis: stop Redis, put its file back, start it, and run `parley store new-epoch` (docs/OPERATIONS.md, Backup and restore).",
      );
    },
    // Redis forgets at once.
    async purgeRemoved() {},
    async readNodes() {
      const { readRedisNodes } = await engine();
      return readRedisNodes(commandOptions()).catch(explainError);
    },
    async openActivity() {
      const { openRedisActivity } = await engine();
      // Lines of a log would be written into the page, which says itself that Redis is away.
      const silent = { clock: systemClock(), emit: () => {} };
      const { description, read, close } = await openRedisActivity(optionsWith(silent, COMMAND_TIMEOUT_MS));
      return {
        ...{ description, close },
        async read() {
          const { shared, nodes, now } = await read();
          const alive = nodes.filter(({ until }) => until > now).map(({ id }) => id);
          return gatherActivity(shared, alive, now);
        },
      };
    },
    async inspect({ timeoutMs }) {
      // The checks report what was found; a log beside them would report it twice.
      const deps = { clock: systemClock(), emit: () => {} };
      const { inspectRedis } = await import("../../engine/redis/inspect.ts");
      const found = inspectRedis(optionsWith(deps, timeoutMs));
      return {
        kind: "redis",
        redis: await found.catch((error: unknown) => ({ error: errorLines(error).join(" ") })),
      };
    },
  };
}

/** The machine's name, so that an operator finds it, and random characters, so that a node that restarts is another. */
function newNodeId(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9.-]/g, "-")
    .slice(0, 40)}-${randomBytes(3).toString("hex")}`;
}
