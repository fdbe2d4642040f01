import { parseEnv } from "node:util";
import type { Plan } from "../../core/access/plans.ts";
import { isLoopback } from "../client-address.ts";
import { closestName } from "./closest-name.ts";
import { keyOf, type Settings } from "./settings.ts";
import { flagOf, SETTING_NAMES, type SettingName, setting } from "./table.ts";

/** Where settings come from, strongest first: flag, environment, `.env`, and then the default of the table. */
export interface SettingSources {
  /** Flags of the command line by their key in `Settings`. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text of the `.env` file, where there is one. */
  readonly envFile?: string;
}

/** The settings, or all their errors: one line each, none with the value of a secret. */
export type SettingsRead =
  | { readonly settings: Settings; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[]; readonly warnings: readonly string[] };

interface RawSetting {
  readonly text: string;
  /** For people: `from .env`. Undefined for the default. */
  readonly from?: string;
}

/** Longest value that is repeated in a message. */
const MAX_SHOWN_LENGTH = 100;

/** Reads all settings and checks them, each alone and then together. */
export function readSettings({ flags = {}, env = {}, envFile }: SettingSources): SettingsRead {
  // Node's rules: quotes, `export`, comments after a blank; `$` stays as it is, since secrets may hold it.
  const file: Record<string, string | undefined> = envFile === undefined ? {} : parseEnv(envFile);
  const values = new Map<SettingName, unknown>();
  const wrong = new Set<SettingName>();
  const problems: string[] = [];

  for (const name of SETTING_NAMES) {
    const given = find(name, flags, env, file);
    if (given === undefined) continue;
    const parsed = setting(name).kind.parse(given.text);
    if ("value" in parsed) values.set(name, parsed.value);
    else {
      wrong.add(name);
      problems.push(`${label(name, given)} ${parsed.problem}.`);
    }
  }

  const together = checkTogether(values, wrong);
  problems.push(...together.problems);
  const warnings = misspeltWarnings(file);
  if (together.plans === undefined || problems.length > 0) return { problems, warnings };
  const entries = SETTING_NAMES.map((name) => [keyOf(name), values.get(name)]);
  // The table gave each value its type; the loop above cannot carry forty types, so the cast is here, once.
  return { settings: { ...Object.fromEntries(entries), plans: together.plans } as Settings, warnings };
}

/** The strongest source that has a value; an empty one counts as none, except as the table's default. */
function find(
  name: SettingName,
  flags: NonNullable<SettingSources["flags"]>,
  env: NonNullable<SettingSources["env"]>,
  file: Record<string, string | undefined>,
): RawSetting | undefined {
  const flag = flagOf(name);
  const sources: [string | undefined, string][] = [
    [flag === undefined ? undefined : flags[keyOf(name)], `from ${flag}`],
    [env[name], "from the environment"],
    [file[name], "from .env"],
  ];
  for (const [text, from] of sources)
    if (text !== undefined && text.trim() !== "") return { text: text.trim(), from };
  const defaultText = setting(name).default;
  return defaultText === undefined ? undefined : { text: defaultText };
}

function label(name: SettingName, { text, from }: RawSetting): string {
  const clipped = text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
  const value = setting(name).secret ? "" : `=${JSON.stringify(clipped)}`;
  return `${name}${value}${from === undefined ? "" : ` (${from})`}`;
}

/** Checks across several settings. Settings that are `wrong` on their own are reported already. */
function checkTogether(
  values: ReadonlyMap<SettingName, unknown>,
  wrong: ReadonlySet<SettingName>,
): { problems: string[]; plans?: Settings["plans"] } {
  const problems: string[] = [];
  if (values.has("TLS_CERT") !== values.has("TLS_KEY")) {
    const [there, missing] = values.has("TLS_CERT")
      ? (["TLS_CERT", "TLS_KEY"] as const)
      : (["TLS_KEY", "TLS_CERT"] as const);
    if (!wrong.has(missing))
      problems.push(`${there} needs ${missing} too: set both to serve https, or neither.`);
  }
  if (values.has("REDIS_HOST") && values.has("REDIS_URL"))
    problems.push("REDIS_HOST and REDIS_URL are both set, and may mean two servers: remove one of them.");
  const reach = values.get("TEST_FAULTS") === "on" ? explainReach(values) : undefined;
  if (reach !== undefined)
    problems.push(
      `TEST_FAULTS=true is for a server that only this machine reaches, and ${reach}: take TEST_FAULTS away, or set it to \`public\` if others may ask for faults, too.`,
    );
  const plans = values.get("PLANS") as ReadonlyMap<string, Plan> | undefined;
  if (plans === undefined) return { problems };
  const name = values.get("DEFAULT_PLAN") as string;
  const fallback = plans.get(name);
  if (fallback === undefined) {
    problems.push(
      `DEFAULT_PLAN=${JSON.stringify(name)} must be one of the plans in PLANS: ${[...plans.keys()].join(", ")}.`,
    );
    return { problems };
  }
  return { problems, plans: { plans, fallback } };
}

/** The setting that opens the server to other machines; undefined without any. */
function explainReach(values: ReadonlyMap<SettingName, unknown>): string | undefined {
  const host = values.get("HOST") as string | undefined;
  if (host !== undefined && !isLoopback(host)) return `HOST=${host} lets others reach it`;
  const proxies = values.get("TRUSTED_PROXIES") as readonly string[] | undefined;
  return proxies === undefined || proxies.length === 0 ? undefined : "behind TRUSTED_PROXIES others do";
}

/** Names in `.env` that resemble a setting. Other names there belong to other programs. */
function misspeltWarnings(file: Record<string, string | undefined>): string[] {
  const warnings: string[] = [];
  for (const name of Object.keys(file)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || (SETTING_NAMES as string[]).includes(name)) continue;
    const meant = closestName(name, SETTING_NAMES);
    if (meant !== undefined)
      warnings.push(`${name} in .env is not a setting and has no effect. Did you mean ${meant}?`);
  }
  return warnings;
}
