import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  DEFAULT_REDIS_RETENTION,
  type RetentionLimits,
  retentionLimitsOf,
} from "../../core/conversation/retention.ts";
import { estimateMemory, missingMemory } from "../../core/migration/memory.ts";
import type { Difference, MigrationTarget } from "../../core/migration/ports.ts";
import type { MigrationSize } from "../../core/migration/records.ts";
import { describeRetention, retentionWithoutDefaults } from "../../core/migration/retention.ts";
import { decideStart, type MigrationState } from "../../core/migration/state.ts";
import type { RedisAddress } from "../../core/redis-address.ts";
import { STORE_FILE } from "../../engine/sqlite/folder/file-names.ts";
import { settleStore } from "../../engine/sqlite/migration/settle.ts";
import { openMigrationSource, type SqliteSource, StoreTooOld } from "../../engine/sqlite/migration/source.ts";
import { beginSqliteEpoch } from "../../engine/sqlite/new-epoch.ts";
import { redisAddressOf } from "../../server/settings/redis-address.ts";
import { parseRedisUrl } from "../../server/settings/redis-url.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { explainInUse } from "../store/in-use.ts";
import { COMMAND_TIMEOUT_MS, commandDeps } from "../store/provider.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { claimOwnerOf, claimTarget } from "./claim.ts";
import { newState, type Progress, runMigration } from "./run.ts";

export interface MigrateFlags {
  readonly to?: string;
  readonly dryRun?: true;
  readonly restart?: true;
}

/** What a migration is about to do. */
export interface Plan {
  readonly target: string;
  readonly size: MigrationSize;
  /** Bytes of Redis, estimated. */
  readonly memory: number;
  readonly resumes: boolean;
  /** What the target keeps. */
  readonly retention: RetentionLimits;
  readonly warnings: readonly string[];
}

export interface MigrationReport {
  readonly isDryRun: boolean;
  readonly plan: Plan;
  readonly seconds: number;
  readonly written: number;
  readonly compared: number;
  readonly differences: readonly Difference[];
}

/** What a migration asks of its caller, and reports to it. */
export interface MigrationWatch {
  /** May throw before anything is written. */
  confirm(plan: Plan): Promise<void>;
  show(progress: Progress): void;
  /** Called when nothing more is shown. */
  end(): void;
  /** How often the place is stored from which it goes on, in milliseconds. */
  readonly saveIntervalMs?: number;
}

/** Moves the store of DATA_DIR to Redis. Throws UsageError where no valid target is given, and CliError where the move is refused. */
export async function migrate(
  settings: Settings,
  flags: MigrateFlags,
  watch: MigrationWatch,
): Promise<MigrationReport> {
  const { dataDir } = settings;
  const address = addressOf(settings, flags.to);
  if (!existsSync(join(dataDir, STORE_FILE)))
    throw new CliError(`There is no store in ${resolve(dataDir)}; --data-dir (DATA_DIR) names another.`);
  const target = await openTarget(settings, address);
  let source: SqliteSource | undefined;
  let hasBegun = false;
  try {
    const isDryRun = flags.dryRun === true;
    source = await openSource(settings, isDryRun).catch(explainInUse);
    const found = await target.readState();
    // A target with an unfinished migration is not looked through.
    const occupied = found === undefined ? await target.findOther() : undefined;
    const decision = decideStart(source, { state: found, occupied }, flags.restart === true);
    if (decision.type === "refuse") throw new CliError(decision.why);
    const resumes = decision.type === "resume";
    hasBegun = resumes;
    const { retention, startedAt } = resumes
      ? decision.state
      : { retention: retentionLimitsOf(settings, DEFAULT_REDIS_RETENTION), startedAt: Date.now() };
    let size = await source.survey(retention, startedAt);
    const forgotten = explainForgotten(settings, size);
    if (forgotten !== undefined && !isDryRun) throw new CliError(forgotten);
    // A dry run counts all that could be moved, and says what has to be set before.
    if (forgotten !== undefined) size = await source.survey(retentionWithoutDefaults(settings), startedAt);
    const plan: Plan = {
      ...{ target: target.description, size, memory: estimateMemory(size), resumes, retention },
      warnings: [...target.warnings, ...(forgotten === undefined ? [] : [forgotten])],
    };
    if (!resumes) await rejectFull(target, plan);
    await watch.confirm(plan);
    const report = { isDryRun, plan, seconds: 0, written: 0, compared: 0, differences: [] };
    if (isDryRun) return report;
    let state: MigrationState;
    if (resumes) state = decision.state;
    else {
      source.close();
      source = undefined;
      source = await settledSource(settings, size.streams).catch(explainInUse);
      size = await source.survey(retention, startedAt);
      state = newState(source, retention, startedAt);
    }
    await claimTarget(target, claimOwnerOf(dataDir), { found, state, resumes });
    hasBegun = true;
    const opened = source;
    const began = performance.now();
    const result = await runMigration(
      {
        ...{ source: opened, target, size, onProgress: watch.show, saveIntervalMs: watch.saveIntervalMs },
        leaveSource: () => {
          opened.close();
          // After a crash between this and the end it is repeated, which does no harm.
          beginSqliteEpoch({ dataDir });
        },
      },
      state,
    ).finally(watch.end);
    const seconds = (performance.now() - began) / 1000;
    return { ...report, plan: { ...plan, size }, ...result, seconds };
  } catch (error) {
    const reason = error instanceof CliError ? undefined : target.explainError(error);
    if (reason === undefined) throw error;
    throw new CliError(
      `${target.description}: ${reason}. ${hasBegun ? "The move has not ended: when that is mended, run the command again, and it goes on where it was." : "Nothing was moved: when that is mended, run the command again."}`,
    );
  } finally {
    source?.close();
    await target.close();
  }
}

async function openTarget(settings: Settings, address: RedisAddress): Promise<MigrationTarget> {
  const { openMigrationTarget } = await import("../../engine/redis/migration/target.ts");
  return openMigrationTarget({
    ...commandDeps(),
    address,
    prefix: settings.redisPrefix,
    node: `migrate-${crypto.randomUUID().slice(0, 6)}`,
    timeoutMs: COMMAND_TIMEOUT_MS,
  });
}

function addressOf(settings: Settings, to: string | undefined): RedisAddress {
  if (to !== undefined) {
    const parsed = parseRedisUrl(to);
    if ("problem" in parsed) throw new UsageError(`--to ${parsed.problem}`);
    const { redisUsername: username, redisPassword: password } = settings;
    return {
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...parsed.value,
    };
  }
  const address = redisAddressOf(settings);
  if (address === undefined)
    throw new UsageError("Say where the store is to be moved: --to redis://host:6379, or REDIS_URL.");
  return address;
}

async function openSource({ dataDir }: Settings, isDryRun: boolean): Promise<SqliteSource> {
  try {
    return openMigrationSource(dataDir, { lock: !isDryRun });
  } catch (error) {
    if (!(error instanceof StoreTooOld) || isDryRun) throw error;
    // A server that is started on it migrates its tables, and so does this.
    await settleStore({ ...commandDeps(), dataDir, sync: "full" });
    return openMigrationSource(dataDir, { lock: true });
  }
}

/** Ends open streams, and opens the source again. */
async function settledSource(settings: Settings, streams: number): Promise<SqliteSource> {
  const { dataDir } = settings;
  if (streams > 0 && settings.approvalUrl !== undefined)
    throw new CliError(
      `${streams} streams are open, and what they say has to be approved (APPROVAL_URL). Start the server, wait until they have ended, stop it, and run the command again.`,
    );
  await settleStore({ ...commandDeps(), dataDir, sync: "full" });
  return openMigrationSource(dataDir, { lock: true });
}

/** Redis keeps less than a folder where no setting says otherwise, and messages must not disappear by a default. */
function explainForgotten(
  { retentionMessages, retentionDays }: Settings,
  { leftOut, messages }: MigrationSize,
): string | undefined {
  if (leftOut === 0 || (retentionMessages !== undefined && retentionDays !== undefined)) return undefined;
  return `Redis keeps ${describeRetention(DEFAULT_REDIS_RETENTION)} where nothing else is set, so ${leftOut.toLocaleString("en")} of ${(messages + leftOut).toLocaleString("en")} messages would be left out. Set RETENTION_MESSAGES and RETENTION_DAYS to what the servers on Redis will have (0 for no limit), and run the command again.`;
}

async function rejectFull(target: MigrationTarget, { memory }: Plan): Promise<void> {
  const missing = missingMemory(memory, await target.memory());
  if (missing > 0)
    throw new CliError(
      `The memory of ${target.description} does not suffice: the store takes about ${formatBytes(memory)} there (an estimate), and about ${formatBytes(missing)} are missing. Raise maxmemory, or keep less: RETENTION_MESSAGES, RETENTION_DAYS.`,
    );
}
