import type { PlanTable } from "../../core/access/plans.ts";
import type { SettingParser } from "./parser.ts";
import type { SETTINGS, SettingName } from "./table.ts";

/** `INACTIVITY_TIMEOUT` as `inactivityTimeout`. */
export type KeyOf<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}${Capitalize<KeyOf<Rest>>}`
  : Lowercase<Name>;

type ValueOf<Row> = Row extends { kind: SettingParser<infer T> }
  ? Row extends { default: string }
    ? T
    : T | undefined
  : never;

type Values = { readonly [Name in SettingName as KeyOf<Name>]: ValueOf<(typeof SETTINGS)[Name]> };

/**
 * Every setting of the table, checked, under its name in camel case: `settings.inactivityTimeout`. Durations are in
 * seconds, sizes in bytes, and 0 switches a limit off. What each one means stands in its row of `table.ts`.
 */
export interface Settings extends Omit<Values, "plans"> {
  /** PLANS together with DEFAULT_PLAN. */
  readonly plans: PlanTable;
}

/** The key of `name` in `Settings`. */
export function keyOf(name: SettingName): keyof Settings {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof Settings;
}
