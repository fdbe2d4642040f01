import { accessSync, constants, existsSync, type StatsFs, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { STORE_FILE } from "../../engine/sqlite/schema.ts";
import { folderProblem } from "../../server/settings/data-folder.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** Free space that is a problem, in bytes: the server will soon be unable to store messages. */
export const FREE_SPACE_PROBLEM_BYTES = 64 * 1024 ** 2;

/** Free space that is a warning, in bytes. */
export const FREE_SPACE_WARNING_BYTES = 1024 ** 3;

/** The permissions of a file, such as `0o700`. */
export interface FileMode {
  readonly path: string;
  readonly mode: number;
}

/** The facts about the data folder and its files. */
export interface DataDirFacts {
  readonly path: string;
  /** `missing`: the first start creates it. */
  readonly state: "there" | "missing";
  /** Why this user cannot use the folder; undefined if it can. */
  readonly error: NodeJS.ErrnoException | undefined;
  /** The permissions of the folder and of its private files. */
  readonly modes: readonly FileMode[];
  /** The owner, and the current user; a server that runs as another user may have other rights. */
  readonly owner: number | undefined;
  readonly self: number | undefined;
  readonly freeBytes: number | undefined;
  /** Whether the folder has a store, and the key that its server made for itself is not there. */
  readonly isKeyGone: boolean;
  /** The type of a network file system, such as `NFS`. */
  readonly networkFilesystem: string | undefined;
}

const KEY_FILE = "secret.key";

/** Checks permissions, free space and file system of the data folder. */
export const DATA_DIR_CHECK = defineCheck({
  name: "data_dir",
  collect({ settings, data }) {
    if (settings === undefined) return "The settings are invalid.";
    return data.kind === "embedded"
      ? collectDataDir(settings.dataDir, settings.secretKey === undefined)
      : "Redis needs no data folder.";
  },
  evaluate: evaluateDataDir,
});

/** Collects the facts of the folder, or of the folder above it that would contain it. `ownKey`: without SECRET_KEY the key is a file in it. */
export function collectDataDir(path: string, ownKey: boolean): DataDirFacts {
  const stat = statSync(path, { throwIfNoEntry: false });
  const existing = stat === undefined ? nearestExistingDir(path) : path;
  const disk = filesystemOf(existing);
  const secrets = [KEY_FILE, STORE_FILE, `${STORE_FILE}-wal`].map((name) => join(path, name));
  return {
    path,
    state: stat === undefined ? "missing" : "there",
    error: accessError(existing),
    modes: stat?.isDirectory() ? [path, ...secrets].flatMap(modeOf) : [],
    isKeyGone: ownKey && existsSync(join(path, STORE_FILE)) && !existsSync(join(path, KEY_FILE)),
    owner: stat?.uid,
    self: process.getuid?.(),
    freeBytes: disk && disk.bavail * disk.bsize,
    networkFilesystem: disk && NETWORK_FILESYSTEMS.get(disk.type),
  };
}

function nearestExistingDir(path: string): string {
  let dir = resolve(path);
  while (statSync(dir, { throwIfNoEntry: false }) === undefined && dirname(dir) !== dir) dir = dirname(dir);
  return dir;
}

function accessError(path: string): NodeJS.ErrnoException | undefined {
  try {
    if (!statSync(path).isDirectory()) return Object.assign(new Error(), { code: "ENOTDIR" });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

function modeOf(path: string): FileMode[] {
  try {
    return [{ path, mode: statSync(path).mode & 0o777 }];
  } catch {
    // The file does not exist, or this user cannot read the folder, which is reported separately.
    return [];
  }
}

function filesystemOf(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    return undefined;
  }
}

/** Linux's numbers (statfs(2)) of network file systems, on which SQLite's locks are not reliable. */
const NETWORK_FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "SMB"],
  [0xfe534d42, "SMB"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
]);

/** Evaluates the facts of a data folder. */
export function evaluateDataDir(facts: DataDirFacts): CheckResult {
  const { path, state, error, modes, owner, self, freeBytes, networkFilesystem, isKeyGone } = facts;
  const findings: Finding[] = [];
  if (error !== undefined) findings.push({ mark: "problem", text: folderProblem(path, error) });
  findings.push(...modes.flatMap((each) => evaluateMode(each, path, modes)));
  if (owner !== undefined && self !== undefined && owner !== self)
    findings.push({
      mark: "warning",
      text: `${path} belongs to user ${owner}, but the doctor runs as user ${self}: it cannot check whether the server may use the folder.`,
      advice: "Run the doctor as the user that the server runs as.",
    });
  if (isKeyGone)
    findings.push({
      mark: "problem",
      text: `The signing key ${join(path, KEY_FILE)} is gone. A server that runs still has it; the next start makes another one, and then all tokens end.`,
      advice: "Put the file back from your copy before the server is started again.",
    });
  if (networkFilesystem !== undefined)
    findings.push({
      mark: "warning",
      text: `${path} is on a network file system (${networkFilesystem}), whose locks may not keep a second server from using it.`,
      advice: "Set DATA_DIR to a folder on a local disk.",
    });
  if (freeBytes !== undefined) findings.push(...evaluateFreeSpace(path, freeBytes));
  const free = freeBytes === undefined ? "" : ` ${formatBytes(freeBytes)} are free.`;
  const okText =
    state === "there" ? `${path} can be used.` : `${path} does not exist yet; the first start creates it.`;
  return {
    findings: findingsOr(findings, `${okText}${free}`),
    ...(freeBytes !== undefined && { values: { free_bytes: freeBytes } }),
  };
}

/** Checks whether other users can access `path`. A file in a folder that only its owner may enter is safe. */
function evaluateMode({ path, mode }: FileMode, folder: string, all: readonly FileMode[]): Finding[] {
  const isKey = path.endsWith(KEY_FILE);
  const isPrivateFolder = all.some((each) => each.path === folder && (each.mode & 0o011) === 0);
  const isOpen = (mode & (path === folder ? 0o022 : 0o066)) !== 0;
  // The key is reported in any case: the permissions of the folder may change later.
  if (!isOpen || (isPrivateFolder && path !== folder && !isKey)) return [];
  const access = (mode & 0o022) !== 0 ? "change" : "read";
  return [
    {
      mark: isKey ? "problem" : "warning",
      text: `Other users of this machine can ${access} ${path}${isKey ? ", and use it to sign in as any user" : ""}.`,
      advice: `chmod ${path === folder ? 700 : 600} ${path}`,
    },
  ];
}

function evaluateFreeSpace(path: string, free: number): Finding[] {
  if (free >= FREE_SPACE_WARNING_BYTES) return [];
  return [
    {
      mark: free < FREE_SPACE_PROBLEM_BYTES ? "problem" : "warning",
      text: `Only ${formatBytes(free)} are free on the disk of ${path}; when it is full, all messages are rejected.`,
      advice:
        "Delete other files there, such as backups, replaced-… and parley-schema-….db, or enlarge the disk. Removing messages (RETENTION_MESSAGES, RETENTION_DAYS) keeps the store from growing, and does not shrink it.",
    },
  ];
}
