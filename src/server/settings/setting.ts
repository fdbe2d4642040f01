import type { SettingParser } from "./parser.ts";

/** The headings under which settings are shown. */
export type SettingGroup =
  | "Address"
  | "Data"
  | "Events"
  | "Accounts and tokens"
  | "Plans"
  | "Connections"
  | "Conversations"
  | "Approval"
  | "Operation"
  | "Log"
  | "Testing"
  | "Clustering";

/** One row of the table; its key is the name in the environment. */
export interface Setting<T> {
  readonly group: SettingGroup;
  readonly kind: SettingParser<T>;
  /** Its effect, with its unit: a phrase for `--help` and the documents. */
  readonly about: string;
  /** As it would be written in the environment. Without it the setting may be unset, which `about` explains. */
  readonly default?: string;
  /** The value without the setting, if that is not one default: `0; with Redis 10000`. */
  readonly unset?: string;
  /** The reason for the default. */
  readonly reason?: string;
  /** Its value is never shown, and it has no flag: every user of a machine can read the command lines on it. */
  readonly secret?: true;
}
