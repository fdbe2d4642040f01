import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { readSettings } from "../server/settings/read.ts";
import { keyOf, type Settings } from "../server/settings/settings.ts";
import { flagOf, SETTING_NAMES, type SettingName, setting } from "../server/settings/table.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { printNote } from "./terminal/print.ts";

/** The flags as commander parses them, by the same keys as in `Settings`. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Adds the flags of the settings called `names` to `command`. */
export function addSettingFlags(command: Command, names: readonly SettingName[] = SETTING_NAMES): Command {
  for (const name of names) {
    const flag = flagOf(name);
    if (flag === undefined) continue;
    const { kind, about, default: defaultValue, unset, group } = setting(name);
    const shownDefault = defaultValue || unset;
    const shown = shownDefault ? `${about} (default: ${shownDefault})` : about;
    const option = new Option(`${flag} <${kind.form}>`, shown.replaceAll("`", ""));
    command.addOption(option.helpGroup(`${group}:`));
  }
  return command;
}

/** The settings that locate the data, for commands that use the store of a server. */
const STORE_SETTINGS = [
  "DATA_DIR",
  "REDIS_HOST",
  "REDIS_PORT",
  "REDIS_USERNAME",
  "REDIS_PREFIX",
] as const satisfies readonly SettingName[];

/** Adds the flags that locate the data to `command`. */
export function addStoreFlags(command: Command): Command {
  return addSettingFlags(command, STORE_SETTINGS);
}

/** Returns the settings of a command with the flags of `addStoreFlags`; ignores its other flags. Throws like `loadSettings`. */
export function loadStoreSettings(flags: object): Settings {
  const given = new Map<string, unknown>(Object.entries(flags));
  const text = (key: string) => [key, given.get(key) as string | undefined];
  return loadSettings(Object.fromEntries(STORE_SETTINGS.map((name) => text(keyOf(name)))));
}

/** The part of `--help` about other sources of settings. */
export const SETTINGS_NOTE = `
Each flag can also be set in the environment or in a .env file in this folder: --log-level is LOG_LEVEL.
A flag overrides the environment, and the environment overrides .env. Secrets have no flag:
${SETTING_NAMES.filter((name) => flagOf(name) === undefined).join(", ")}. docs/SETTINGS.md lists all settings.`;

/** Returns the settings of this process. Throws a `UsageError` with all problems; warnings go to standard error. */
export function loadSettings(flags: Flags): Settings {
  const envFile = readEnvFile();
  const read = readSettings({ flags, env: process.env, ...(envFile !== undefined && { envFile }) });
  for (const warning of read.warnings) printNote(`warning: ${warning}`);
  if ("problems" in read) throw new UsageError(...read.problems);
  return read.settings;
}

/** Returns the text of the file .env in this folder; undefined without one. Throws a `CliError` if it cannot be read. */
export function readEnvFile(): string | undefined {
  try {
    return readFileSync(".env", "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new CliError(
      `The file .env cannot be read (${code ?? message}). Correct its permissions or remove it.`,
    );
  }
}
