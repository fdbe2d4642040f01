import type { BackupManifest } from "./manifest.ts";

/** Files that a data folder may have without holding a store: the locks, the signing key, and what file systems put there. */
const NO_STORE: ReadonlySet<string> = new Set([
  "parley.lock",
  "parley.lock-journal",
  "parley.moving",
  "secret.key",
  "lost+found",
]);

export interface RestoreScene {
  readonly manifest: Pick<BackupManifest, "schema" | "parley">;
  /** The version of the tables that this Parley writes. */
  readonly knownSchema: number;
  /** The names of the files in the data folder. */
  readonly present: readonly string[];
  /** Whether the operator wants the store that is there to be replaced. */
  readonly replace: boolean;
}

/** Decides whether a backup may be restored into a folder. Returns a sentence with the reason if not. */
export function refuseRestore({ manifest, knownSchema, present, replace }: RestoreScene): string | undefined {
  if (manifest.schema > knownSchema)
    return `It was made by a newer Parley (${manifest.parley}, schema ${manifest.schema}; this one knows ${knownSchema}): update Parley first.`;
  const [found] = present.filter((name) => !NO_STORE.has(name)).sort();
  if (found === undefined || replace) return undefined;
  return `The data folder is not empty: it has ${found}. With --replace a store in it is kept aside, and replaced by the backup.`;
}

/** Names of the files that a backup writes. A new backup in the same folder replaces the one before. */
const BACKUP_FILES = /^(?:(?:parley-backup\.json|store-[0-9TZ]+\.db)(?:\.partial)?|source\.partial\/)$/;

/**
 * Decides whether a backup may be written into a folder with these files; the name of a folder in it has a `/` at its end. Returns
 * the reason if not, as the end of a sentence.
 */
export function refuseBackupInto(present: readonly string[]): string | undefined {
  const found = present.find((name) => !BACKUP_FILES.test(name) && !NO_STORE.has(name.replace(/\/$/, "")));
  return found === undefined
    ? undefined
    : `the folder has other files (${found}). Name a new or empty one, or one that has an older backup.`;
}

/** Returns the name of the copy of the store in a backup of the moment `at`, in milliseconds since 1970. */
export function backupFileName(at: number): string {
  return `store-${compactTime(at)}.db`;
}

/** Returns a time as a part of a file's name: `20261130T150405123Z`. `at` is in milliseconds since 1970. */
export function compactTime(at: number): string {
  return new Date(at).toISOString().replace(/[-:.]/g, "");
}
