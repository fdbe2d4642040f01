import { statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { gatherActivity } from "../../core/activity/node-activity.ts";
import { retentionLimitsOf, UNLIMITED_RETENTION } from "../../core/conversation/retention.ts";
import { feedRetentionOf } from "../../core/feed/retention.ts";
import { streamRulesOf } from "../../core/streams/writing.ts";
import { backUpStore } from "../../engine/sqlite/backup/backup.ts";
import { restoreStore } from "../../engine/sqlite/backup/restore.ts";
import { readActivityFile } from "../../engine/sqlite/folder/activity-files.ts";
import { classifyError } from "../../engine/sqlite/folder/errors.ts";
import { STORE_FILE } from "../../engine/sqlite/folder/file-names.ts";
import { explainFileError, FileUnusable, rejectLostStore } from "../../engine/sqlite/folder/folder-files.ts";
import { StoreInUse } from "../../engine/sqlite/folder/lock.ts";
import { rejectMoving } from "../../engine/sqlite/folder/moving.ts";
import { inspectStore } from "../../engine/sqlite/inspect.ts";
import { openMembers } from "../../engine/sqlite/members/open.ts";
import { openConversations } from "../../engine/sqlite/messages/conversations.ts";
import { beginSqliteEpoch } from "../../engine/sqlite/new-epoch.ts";
import { openAccounts, openSqlite, type SqliteOptions } from "../../engine/sqlite/open.ts";
import { openPersonReader } from "../../engine/sqlite/person/open.ts";
import { folderProblem, isOnReadOnlyDisk, prepareDataFolder } from "../../server/settings/data-folder.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError, errorLines } from "../cli-error.ts";
import { explainInUse } from "./in-use.ts";
import { commandDeps, type InspectionError, type StoreDeps, type StoreProvider } from "./provider.ts";

/** The embedded store: the files in DATA_DIR. */
export function embeddedStore(settings: Settings): StoreProvider {
  const { dataDir, storeSync: sync } = settings;
  const optionsWith = ({ clock, emit, observeBatch }: StoreDeps): SqliteOptions => ({
    dataDir,
    clock,
    emit,
    observeBatch,
    sync,
  });

  /** Opens the store for a command, which makes none. */
  const openForCommand = async <T>(open: (options: SqliteOptions) => T): Promise<T> => {
    check();
    rejectMoving(dataDir);
    return Promise.try(() => open(optionsWith(commandDeps())))
      .catch(explainInUse)
      .catch(explainError);
  };

  function prepare(): void {
    const problem = prepareDataFolder(dataDir);
    if (problem !== undefined) throw new CliError(problem);
  }

  function exists(): boolean {
    try {
      rejectLostStore(dataDir);
      statSync(join(dataDir, STORE_FILE));
      return true;
    } catch (error) {
      if (error instanceof FileUnusable) throw error;
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw new CliError(folderProblem(dataDir, error));
    }
  }

  // A command that made a store in a wrong folder would change what no server reads, and report success.
  function check(): void {
    requireStore();
    prepare();
  }

  function requireStore(): void {
    if (!exists())
      throw new CliError(
        `There is no store in ${resolve(dataDir)}; --data-dir (DATA_DIR) names another, and \`parley serve\` makes one.`,
      );
  }

  // Errors in the engine's own words are thrown as they are.
  function explainError(error: unknown): never {
    throw classifyError(error) === undefined ? error : explainFileError(join(dataDir, STORE_FILE), error);
  }

  return {
    defaultRetention: UNLIMITED_RETENTION,
    relativePath: isAbsolute(dataDir) ? undefined : resolve(dataDir),
    prepare,
    exists,
    check,
    explainError,
    async open(deps) {
      prepare();
      const retention = retentionLimitsOf(settings, UNLIMITED_RETENTION);
      return {
        store: await openSqlite({
          ...optionsWith(deps),
          retention,
          feedRetention: feedRetentionOf(settings),
          streamRules: streamRulesOf(settings),
          editWithin: settings.editSeconds * 1000,
        }).catch(explainError),
        step: (work) => work().catch(explainError),
      };
    },
    openAccounts: () => openForCommand(openAccounts),
    openConversations: () => openForCommand(openConversations),
    openMembers: () => openForCommand(openMembers),
    openPersons: () => openForCommand(openPersonReader),
    beginEpoch: () => openForCommand(beginSqliteEpoch),
    async backUp(options) {
      requireStore();
      const isReadOnly = isOnReadOnlyDisk(dataDir);
      if (!isReadOnly) prepare();
      return backUpStore({ ...options, dataDir, isReadOnly });
    },
    async restore(options) {
      prepare();
      return restoreStore({ ...options, dataDir }).catch(explainInUse);
    },
    async openWithoutServer(deps) {
      return openSqlite(optionsWith(deps)).catch((error) => {
        if (error instanceof StoreInUse) return undefined;
        throw error;
      });
    },
    async purgeRemoved() {
      const store = await openSqlite(optionsWith(commandDeps())).catch((error) => {
        // A server that runs on the files deletes by itself.
        if (error instanceof StoreInUse) return undefined;
        throw error;
      });
      try {
        await store?.applyRetention();
      } finally {
        await store?.close();
      }
    },
    readNodes: async () => undefined,
    async openActivity() {
      check();
      return {
        description: resolve(dataDir),
        async read() {
          const shared = await readActivityFile(dataDir).catch((error) => {
            throw new CliError(folderProblem(dataDir, error));
          });
          return gatherActivity(shared === undefined ? [] : [shared], [], Date.now());
        },
        async close() {},
      };
    },
    async inspect(options) {
      const found = Promise.try(() => inspectStore(dataDir, options));
      return { kind: "embedded", store: await found.catch(inspectionError) };
    },
  };
}

function inspectionError(error: unknown): InspectionError {
  // What the file system refuses may be refused to this user only; the check says so.
  return error instanceof FileUnusable && error.cause === undefined
    ? { error: error.problem, advice: error.advice }
    : { error: errorLines(error).join(" ") };
}
