import type { Account } from "../../core/ports/accounts.ts";
import { DEMO_PASSWORD, demoReachOf } from "../../server/authentication/demo-accounts.ts";
import { isLoopback } from "../../server/client-address.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { COMMAND } from "../installation.ts";
import { DEFAULT_URL } from "../server/target.ts";

/** The facts that are shown to the person who started the server. */
export interface StartupInfo {
  readonly settings: Settings;
  readonly version: string;
  /** URL of the console, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The engine's description, such as `embedded, /srv/parley/data/parley.db`. */
  readonly engine: string;
  /** Name of this server among several. */
  readonly node: string | undefined;
  readonly accounts: readonly Account[];
  /** Where metrics are read; undefined where they are not served. */
  readonly metricsUrl?: string | undefined;
}

/**
 * Returns the banner that is printed at the start: first what to try, where the demo accounts can be used, then the facts:
 * addresses, accounts, the location of the data, and steps for production.
 */
export function startupBanner({
  settings,
  version,
  url,
  engine,
  node,
  accounts,
  metricsUrl,
}: StartupInfo): string {
  const base = localUrl(url);
  const sockets = `${base.replace(/^http/, "ws")}/ws`;
  const rows: [string, string][] = [
    ["Console", `${base}/`],
    ["Socket", `${sockets}/{user_id}/{conversation_id}?token={token}`],
    ["", `${sockets}/{user_id}?token={token} for many conversations`],
    ["Engine", node === undefined ? engine : `${engine}; this is node ${node}`],
    [
      "Accounts",
      demoAccounts(settings, accounts) ?? (accounts.length === 0 ? NO_ACCOUNTS : `${accounts.length}`),
    ],
    ...(metricsUrl === undefined ? [] : ([["Metrics", metricsUrl]] as [string, string][])),
    ["Log", settings.logLevel === "debug" ? "below" : "below; LOG_LEVEL=debug shows each message"],
    ...approvalRow(settings),
    ...faultRow(settings),
    ["Production", productionAdvice(settings)],
  ];
  const parts = [tasksToTry(base, settings, accounts), rows].filter((part) => part.length > 0);
  return `\nParley ${version} is running. Ctrl+C stops it.\n\n${parts.map(formatRows).join("\n")}\n`;
}

function formatRows(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([name, text]) => `  ${name.padEnd(11)} ${text}\n`).join("");
}

/** Returns commands for another terminal that work as they are; none where the demo accounts cannot be used. */
function tasksToTry(
  base: string,
  settings: Settings,
  accounts: readonly Account[],
): readonly (readonly [string, string])[] {
  if (usableDemoAccounts(settings, accounts).length === 0) return [];
  const url = base === DEFAULT_URL ? "" : ` --url ${base}`;
  return [
    ["Talk", `open ${base}/ or run: ${COMMAND} chat lobby --user user1${url}`],
    ["Inbox", `${COMMAND} inbox --user user1${url}`],
    [
      "Post",
      `TOKEN=$(curl -s ${base}/token -d username=user1 -d password=${DEMO_PASSWORD} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
    ],
    [
      "",
      `curl -s ${base}/conversations/lobby/messages -H "Authorization: Bearer $TOKEN" -d '{"text":"hello"}'`,
    ],
    ["Examples", `${COMMAND} examples`],
  ];
}

const NO_ACCOUNTS = `none yet: \`${COMMAND} user add <user>\``;

/** Returns a URL that a browser can open: `localhost` instead of "all addresses". */
function localUrl(url: string): string {
  return url.replace(/\/$/, "").replace(/\/\/(0\.0\.0\.0|\[::\])(?=:|$)/, "//localhost");
}

function usableDemoAccounts(settings: Settings, accounts: readonly Account[]): readonly Account[] {
  if (demoReachOf(settings) === "nowhere") return [];
  return accounts.filter((account) => account.demo && !account.disabled);
}

function demoAccounts(settings: Settings, accounts: readonly Account[]): string | undefined {
  const demo = usableDemoAccounts(settings, accounts);
  if (demo.length === 0) return undefined;
  const names = demo.map(({ user, plan }) => `${user} (${plan})`).join(", ");
  const reach =
    demoReachOf(settings) === "this_machine" ? "; from this machine only, not through a proxy" : "";
  return `${names}; password: ${DEMO_PASSWORD}${reach}`;
}

function approvalRow({ approvalUrl, approvalFor, approvalFail }: Settings): [string, string][] {
  if (approvalUrl === undefined) return [];
  const outcome = approvalFail === "open" ? "all is accepted" : "nothing is stored";
  // Without its query, which may have a secret.
  const { origin, pathname } = new URL(approvalUrl);
  return [
    [
      "Approval",
      `${origin}${pathname} is asked about each ${approvalFor.join(" and ")}; without an answer ${outcome}`,
    ],
  ];
}

function faultRow({ testFaults }: Settings): [string, string][] {
  if (testFaults === "off") return [];
  const clients = testFaults === "public" ? "TEST_FAULTS=public: all users" : "TEST_FAULTS: clients";
  return [["Faults", `on (${clients} may disturb their own connections); see docs/TESTING.md`]];
}

/** Returns the settings that must be changed before other people can reach the server. */
function productionAdvice({
  host,
  secretKey,
  demoAccounts,
  tlsCert,
  trustedProxies,
  testFaults,
}: Settings): string {
  const steps: string[] = [];
  if (testFaults !== "off") steps.push("TEST_FAULTS=false");
  // With a proxy on this machine, HOST may stay a loopback address.
  if (isLoopback(host) && trustedProxies.length === 0) steps.push("HOST");
  if (secretKey === undefined) steps.push("SECRET_KEY");
  if (demoAccounts !== false) steps.push("DEMO_ACCOUNTS=false");
  if (tlsCert === undefined && trustedProxies.length === 0)
    steps.push(
      "TLS_CERT and TLS_KEY (or a proxy with TLS, and TRUSTED_PROXIES; also ALLOWED_ORIGINS, if it sends another Host)",
    );
  return steps.length === 0 ? "the settings are ready" : `set ${steps.join(", ")}; see docs/SETTINGS.md`;
}
