import { accessSync, constants, type StatsFs, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { STORE_FILE } from "../../engine/sqlite/schema.ts";
import { folderProblem } from "../../server/settings/data-folder.ts";
import { formatBytes } from "../terminal/format-bytes.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr } from "./check.ts";

/** Free space below which a server will soon not store anything more. */
export const FREE_SPACE_PROBLEM_BYTES = 64 * 1024 ** 2;

/** Free space below which it is time to look for more. */
export const FREE_SPACE_WARNING_BYTES = 1024 ** 3;

/** Who may do what, as `stat` has it: `0o700`. */
export interface FileMode {
  readonly path: string;
  readonly mode: number;
}

/** What is known about the data folder and what lies in it. */
export interface DataDirFacts {
  readonly path: string;
  /** `missing`: the first start makes it, in a folder above that can be written. */
  readonly state: "there" | "missing";
  /** What keeps this user from using it, as the file system says; undefined where nothing does. */
  readonly error: NodeJS.ErrnoException | undefined;
  /** Of the folder and the files in it that others must not read. */
  readonly modes: readonly FileMode[];
  /** Whose it is, and who asks; a server that runs as another user may have other rights. */
  readonly owner: number | undefined;
  readonly self: number | undefined;
  readonly freeBytes: number | undefined;
  /** `NFS`, where the files lie on another machine. */
  readonly networkFilesystem: string | undefined;
}

const KEY_FILE = "secret.key";

/** Rights, room and place of the data folder. */
export const DATA_DIR_CHECK = defineCheck({
  name: "data_dir",
  collect({ settings, data }) {
    if (settings === undefined) return "The settings are wrong.";
    return data.kind === "embedded" ? collectDataDir(settings.dataDir) : "With Redis there is none.";
  },
  evaluate: evaluateDataDir,
});

/** Looks at the folder, and where it is not there, at the one that it would be made in. */
export function collectDataDir(path: string): DataDirFacts {
  const stat = statSync(path, { throwIfNoEntry: false });
  const existing = stat === undefined ? nearestExistingDir(path) : path;
  const disk = filesystemOf(existing);
  const secrets = [KEY_FILE, STORE_FILE, `${STORE_FILE}-wal`].map((name) => join(path, name));
  return {
    path,
    state: stat === undefined ? "missing" : "there",
    error: accessError(existing),
    modes: stat?.isDirectory() ? [path, ...secrets].flatMap(modeOf) : [],
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
    // It is not there, or this user may not look into the folder, which is a fault of its own.
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

/** Linux's numbers (statfs(2)) for disks of other machines, on which SQLite's locks cannot be relied on. */
const NETWORK_FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "SMB"],
  [0xfe534d42, "SMB"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
]);

/** Judges a data folder. */
export function evaluateDataDir(facts: DataDirFacts): CheckResult {
  const {
    path,
    state,
    error: fault,
    modes: rights,
    owner,
    self,
    freeBytes,
    networkFilesystem: network,
  } = facts;
  const findings: Finding[] = [];
  if (fault !== undefined) findings.push({ mark: "problem", text: folderProblem(path, fault) });
  findings.push(...rights.flatMap((each) => evaluateMode(each, path, rights)));
  if (owner !== undefined && self !== undefined && owner !== self)
    findings.push({
      mark: "warning",
      text: `${path} belongs to user ${owner}, and this is user ${self}: whether the server may use it is not known.`,
      advice: "Run the doctor as the user that the server runs as.",
    });
  if (network !== undefined)
    findings.push({
      mark: "warning",
      text: `${path} lies on another machine's disk (${network}), where a second server may not be kept off it.`,
      advice: "Set DATA_DIR to a folder on a local disk.",
    });
  if (freeBytes !== undefined) findings.push(...evaluateFreeSpace(path, freeBytes));
  const free = freeBytes === undefined ? "" : ` ${formatBytes(freeBytes)} are free.`;
  const okText =
    state === "there" ? `${path} can be used.` : `${path} is not there yet; the first start makes it.`;
  return {
    findings: findingsOr(findings, `${okText}${free}`),
    ...(freeBytes !== undefined && { values: { free_bytes: freeBytes } }),
  };
}

/** What others may do with `path`. A file in a folder that nobody else may enter is out of their reach. */
function evaluateMode({ path, mode }: FileMode, folder: string, all: readonly FileMode[]): Finding[] {
  const isKey = path.endsWith(KEY_FILE);
  const isShut = all.some((each) => each.path === folder && (each.mode & 0o011) === 0);
  const isOpen = (mode & (path === folder ? 0o022 : 0o066)) !== 0;
  // A server warns of the key all the same: a folder's rights are changed sooner than thought of.
  if (!isOpen || (isShut && path !== folder && !isKey)) return [];
  const able = (mode & 0o022) !== 0 ? "change" : "read";
  return [
    {
      mark: isKey ? "problem" : "warning",
      text: `Other users of this machine can ${able} ${path}${isKey ? ", and with it sign in as anybody" : ""}.`,
      advice: `chmod ${path === folder ? 700 : 600} ${path}`,
    },
  ];
}

function evaluateFreeSpace(path: string, free: number): Finding[] {
  if (free >= FREE_SPACE_WARNING_BYTES) return [];
  return [
    {
      mark: free < FREE_SPACE_PROBLEM_BYTES ? "problem" : "warning",
      text: `Only ${formatBytes(free)} are free on the disk of ${path}; when it is full, no message is taken.`,
      advice: "Make room, or limit what is kept: RETENTION_MESSAGES, RETENTION_DAYS.",
    },
  ];
}
