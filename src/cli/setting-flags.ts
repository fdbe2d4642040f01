import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { readSettings } from "../server/settings/read.ts";
import { keyOf, type Settings } from "../server/settings/settings.ts";
import { flagOf, SETTING_NAMES, type SettingName, setting } from "../server/settings/table.ts";
import { CliError } from "./cli-error.ts";
import { printNote } from "./terminal/print.ts";

/** What commander makes of the flags: their values by the same keys as in `Settings`. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Gives `command` the flags of the settings called `names`. */
export function addSettingFlags(command: Command, names: readonly SettingName[] = SETTING_NAMES): Command {
  for (const name of names) {
    const flag = flagOf(name);
    if (flag === undefined) continue;
    const { kind, about, default: fixed, unset, group } = setting(name);
    const shownDefault = fixed || unset;
    const shown = shownDefault ? `${about} (default: ${shownDefault})` : about;
    const option = new Option(`${flag} <${kind.form}>`, shown.replaceAll("`", ""));
    command.addOption(option.helpGroup(`${group}:`));
  }
  return command;
}

/** The settings that say where the data is, for commands beside a server. */
const STORE_SETTINGS = [
  "DATA_DIR",
  "REDIS_HOST",
  "REDIS_PORT",
  "REDIS_USERNAME",
  "REDIS_PREFIX",
] as const satisfies readonly SettingName[];

/** Gives `command` the flags that say where the data is. */
export function addStoreFlags(command: Command): Command {
  return addSettingFlags(command, STORE_SETTINGS);
}

/** The settings of a command with the flags of `addStoreFlags`; its other flags are its own. Throws as `loadSettings`. */
export function loadStoreSettings(flags: object): Settings {
  const given = new Map<string, unknown>(Object.entries(flags));
  const text = (key: string) => [key, given.get(key) as string | undefined];
  return loadSettings(Object.fromEntries(STORE_SETTINGS.map((name) => text(keyOf(name)))));
}

/** Says in `--help` where else settings come from. */
export const SETTINGS_NOTE = `
Each flag is also a setting in the environment or in a .env file in this folder: --log-level is LOG_LEVEL.
A flag wins over the environment, and the environment over .env. Secrets are set only there, never as a flag:
${SETTING_NAMES.filter((name) => flagOf(name) === undefined).join(", ")}. docs/SETTINGS.md has them all.`;

/** The settings of this process. Throws a Failure with everything that is wrong; warnings go to standard error. */
export function loadSettings(flags: Flags): Settings {
  const envFile = readEnvFile();
  const read = readSettings({ flags, env: process.env, ...(envFile !== undefined && { envFile }) });
  for (const warning of read.warnings) printNote(`warning: ${warning}`);
  if ("problems" in read) throw new CliError(...read.problems);
  return read.settings;
}

/** Text of the file .env of this folder, where there is one. Throws a Failure where it cannot be read. */
export function readEnvFile(): string | undefined {
  try {
    return readFileSync(".env", "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new CliError(
      `The file .env is there but cannot be read (${code ?? message}). Correct its rights or remove it.`,
    );
  }
}
