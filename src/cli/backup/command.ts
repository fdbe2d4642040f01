import { constants, setPriority } from "node:os";
import { resolve } from "node:path";
import { Command } from "commander";
import manifest from "../../../package.json" with { type: "json" };
import type { StoreCounts } from "../../core/backup/manifest.ts";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import type { ReportProgress } from "../../engine/sqlite/backup/backup.ts";
import { UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { printStorePath } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { progressBar, showProgressLine } from "../terminal/progress-line.ts";

const BACKUP_NOTE = `
A server may run and take messages meanwhile. The folder may be new, empty, or have an older backup, which is replaced when the
new one is whole. secret.key and .env are not copied.
A store on a disk that is read-only takes the room of two backups meanwhile.

  parley backup /var/backups/parley/$(date +%F)`;

const RESTORE_NOTE = `
Stop the server first. Clients that come back load their conversations again. With --replace the old store is kept in
DATA_DIR/replaced-…, until you delete it.

  parley restore /var/backups/parley/2026-11-30
  parley restore /var/backups/parley/2026-11-30 --replace`;

/** `parley backup`: copies the store, and verifies the copy. */
export function backupCommand(): Command {
  return addStoreFlags(new Command("backup"))
    .description("copy the store into a folder, also while the server runs, and verify the copy")
    .argument("<folder>", "where the backup is put")
    .option("--json", "print what was copied as JSON, for scripts")
    .addHelpText("after", BACKUP_NOTE)
    .action(backUp);
}

/** `parley restore`: puts a backup into the data folder. */
export function restoreCommand(): Command {
  return addStoreFlags(new Command("restore"))
    .description("put a backup into the data folder, and begin a new epoch")
    .argument("<folder>", "the backup")
    .option("--replace", "replace the store that is in the data folder, and keep it aside")
    .option("--json", "print what was restored as JSON, for scripts")
    .addHelpText("after", RESTORE_NOTE)
    .action(restore);
}

async function backUp(folder: string, flags: { readonly json?: boolean }): Promise<void> {
  requireName(folder);
  const settings = loadStoreSettings(flags);
  const began = performance.now();
  // The server comes first where both want the processor.
  setPriority(0, constants.priority.PRIORITY_LOW);
  const made = await withProgress((progress) =>
    storeProvider(settings).backUp({ folder, parley: manifest.version, now: Date.now, progress }),
  );
  const seconds = (performance.now() - began) / 1000;
  if (flags.json) return void printJson({ folder, ...made, seconds: Number(seconds.toFixed(3)) }, 2);
  print(
    `Backed up ${describeCounts(made.counts)} to ${escapeControlChars(folder)}: ${formatBytes(made.bytes)}, verified, in ${seconds.toFixed(1)} s.`,
  );
  printStorePath(settings);
}

async function restore(
  folder: string,
  flags: { readonly replace?: boolean; readonly json?: boolean },
): Promise<void> {
  requireName(folder);
  const settings = loadStoreSettings(flags);
  const {
    backup,
    epoch,
    kept: keptIn,
  } = await withProgress((progress) =>
    storeProvider(settings).restore({ folder, replace: flags.replace === true, now: Date.now, progress }),
  );
  const kept = keptIn === undefined ? undefined : resolve(keptIn);
  if (flags.json) return void printJson({ folder, backup, epoch, kept: kept ?? null }, 2);
  print(
    `Restored ${describeCounts(backup.counts)}, as they were at ${backup.made_at}. The new epoch is ${epoch}: clients load their conversations again.`,
  );
  if (kept !== undefined)
    printNote(`The old store is in ${escapeControlChars(kept)}; delete it when you do not need it.`);
  printNote("Disable and revoke again what you have disabled and revoked since the backup was made.");
  printStorePath(settings);
}

function requireName(folder: string): void {
  if (folder === "") throw new UsageError("The folder of the backup has no name: it is empty.");
}

/** Runs `work` with a progress bar. */
async function withProgress<T>(work: (progress: ReportProgress) => Promise<T>): Promise<T> {
  let line = "";
  const shown = showProgressLine(() => line);
  try {
    return await work((doing, share) => {
      line = `${doing.padEnd(9)} ${progressBar(share)}`;
    });
  } finally {
    shown.end();
  }
}

function describeCounts({ messages, conversations, accounts }: StoreCounts): string {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return `${count(messages, "message")} in ${count(conversations, "conversation")} and ${count(accounts, "account")}`;
}
