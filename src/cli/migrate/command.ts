import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { DEFAULT_REDIS_RETENTION } from "../../core/conversation/retention.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { NOT_CARRIED } from "../../core/migration/inventory.ts";
import { describeRetention, retentionSettings } from "../../core/migration/retention.ts";
import { keyFileOf } from "../../server/settings/secret-key.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { CliError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { confirm } from "../terminal/confirm.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { type MigrateFlags, type MigrationReport, migrate, type Plan } from "./migrate.ts";
import { showProgress } from "./progress.ts";

/** The default of REDIS_PREFIX. */
const DEFAULT_PREFIX = "parley";

const NOTE = `
The store is the folder DATA_DIR; stop its server first. Where --to is missing, the target is the Redis of REDIS_URL
or REDIS_HOST: a password is better there than on the command line. A migration that was cut off goes on when the
command is run again, and no node starts on the target before it has ended. Where RETENTION_MESSAGES and RETENTION_DAYS are
not set, Redis keeps ${describeRetention(DEFAULT_REDIS_RETENTION)}: set them as the servers
on Redis will have them. The command ends with the settings to start them with.`;

/** `parley migrate`: moves the embedded store to Redis. */
export function migrateCommand(): Command {
  const command = new Command("migrate")
    .description("move the data of the embedded store to Redis, Sentinel or Cluster")
    .option("--to <url>", "the target, as REDIS_URL has it")
    .option("--dry-run", "write nothing: say what would be moved, and how much memory it takes")
    .option("--restart", "remove what an unfinished migration has copied, and begin again")
    .option("--yes", "do not ask for confirmation")
    .option("--json", "print the result as JSON")
    .addHelpText("after", NOTE);
  return addStoreFlags(command).action(run);
}

async function run(flags: MigrateFlags & { readonly json?: true; readonly yes?: true }): Promise<void> {
  const settings = loadStoreSettings(flags);
  const confirmPlan = async (plan: Plan) => {
    if (flags.json !== true) for (const line of planLines(plan)) printNote(line);
    for (const warning of plan.warnings) printNote(`warning: ${escapeControlChars(warning)}`);
    if (flags.yes !== true && flags.dryRun !== true && plan.resumes !== true)
      await confirm(`Move this store to ${plan.target}?`, "Nothing was moved.");
  };
  const report = await migrate(settings, flags, { confirm: confirmPlan, ...showProgress() });
  if (flags.json === true) printJson(jsonOf(report));
  else for (const line of resultLines(report, startSettings(report.plan, settings))) print(line);
  if (report.differences.length > 0)
    throw new CliError(
      "What was read back differs from the store, so the target stays unusable:",
      ...report.differences.map((each) => `  ${escapeControlChars(each)}`),
      "Run the command again with --restart.",
    );
}

function planLines({ size, target, memory, resumes }: Plan): string[] {
  const { conversations, messages, members, accounts, streams, leftOut } = size;
  const number = (value: number) => value.toLocaleString("en");
  return [
    ...(resumes ? ["An unfinished migration goes on."] : []),
    `to ${escapeControlChars(target)}: ${number(messages)} messages in ${number(conversations)} conversations, ${number(members)} memberships, ${number(accounts)} accounts`,
    `memory of Redis: about ${formatBytes(memory)} (an estimate)`,
    ...(leftOut > 0
      ? [
          `${number(leftOut)} messages are older or more than RETENTION_MESSAGES and RETENTION_DAYS keep: they are left out`,
        ]
      : []),
    ...(streams > 0 ? [`${number(streams)} open streams end as interrupted messages first`] : []),
  ];
}

function resultLines(
  { isDryRun, plan, seconds, written, compared, differences }: MigrationReport,
  start: readonly string[],
): string[] {
  const notCarried = NOT_CARRIED.filter(({ effect }) => effect !== "None.").map(
    ({ what, effect }) => `  ${what}: ${effect}`,
  );
  if (isDryRun) return ["Nothing was written.", "Not carried:", ...notCarried];
  if (differences.length > 0) return [];
  const rate = Math.round(written / Math.max(seconds, 0.001)).toLocaleString("en");
  return [
    `Moved ${written.toLocaleString("en")} messages to ${plan.target} in ${seconds.toFixed(1)} s (${rate} a second).`,
    `Read back all ${compared.toLocaleString("en")} messages, by number and checksum of each conversation, and all else.`,
    "Not carried:",
    ...notCarried,
    "Start the servers with REDIS_URL now, and each with these settings:",
    ...start.map((setting) => `  ${setting}`),
    "The folder is left as it is, with a new epoch: a server that is started on it again is another store.",
  ];
}

/** Returns the settings that every server on the target needs, besides its address; with a default in their place something is lost. */
function startSettings({ retention }: Plan, settings: Settings): string[] {
  const { redisPrefix } = settings;
  const limits = retentionSettings(retention, DEFAULT_REDIS_RETENTION);
  return [
    describeKey(settings),
    ...(redisPrefix === DEFAULT_PREFIX ? [] : [`REDIS_PREFIX=${redisPrefix}`]),
    ...(limits.length > 0
      ? limits
      : [
          `RETENTION_MESSAGES and RETENTION_DAYS, if Redis is to keep more than ${describeRetention(DEFAULT_REDIS_RETENTION)}`,
        ]),
  ];
}

/** Returns how to give the servers the key with which the users of the store were signed in; with another one they would be signed out. */
function describeKey({ secretKey, dataDir }: Settings): string {
  const path = resolve(keyFileOf({ dataDir })!);
  if (secretKey !== undefined || !existsSync(path)) return "SECRET_KEY, as the server of this store had it";
  const word = /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `SECRET_KEY=$(cat ${word})`;
}

function jsonOf({ isDryRun, plan, seconds, written, compared, differences }: MigrationReport) {
  const { size, target, memory, resumes, retention, warnings } = plan;
  return {
    dry_run: isDryRun,
    target,
    resumed: resumes,
    carried: size,
    memory_bytes: memory,
    retention,
    written,
    compared,
    seconds,
    warnings,
    differences,
    not_carried: NOT_CARRIED.map(({ what, effect }) => ({ what, effect })),
  };
}
