import type { Account } from "../../core/ports/accounts.ts";
import { DEMO_PASSWORD, demoReachOf } from "../../server/authentication/demo-accounts.ts";
import { isLoopback } from "../../server/client-address.ts";
import type { Settings } from "../../server/settings/settings.ts";

/** What the start has found out, for the person who started the server. */
export interface StartupInfo {
  readonly settings: Settings;
  readonly version: string;
  /** Address of the page, `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The engine's own words: `embedded, /srv/parley/data/parley.db`. */
  readonly engine: string;
  /** Names this server among several. */
  readonly node: string | undefined;
  readonly accounts: readonly Account[];
}

/** The one block that a start prints: where to go, how to sign in, where the data lies, what production needs. */
export function startupBanner({ settings, version, url, engine, node, accounts }: StartupInfo): string {
  const base = localUrl(url);
  const rows: [string, string][] = [
    ["Page", `${base}/`],
    ["Socket", `${base.replace(/^http/, "ws")}/ws/{user_id}/{conversation_id}?token={token}`],
    ["Engine", node === undefined ? engine : `${engine}; this is node ${node}`],
    [
      "Accounts",
      demoAccounts(settings, accounts) ?? (accounts.length === 0 ? NO_ACCOUNTS : `${accounts.length}`),
    ],
    ["Log", settings.logLevel === "debug" ? "below" : "below; LOG_LEVEL=debug shows each message"],
    ...faultRow(settings),
    ["Production", productionAdvice(settings)],
  ];
  const lines = rows.map(([name, text]) => `  ${name.padEnd(11)} ${text}`);
  return `\nParley ${version} is running. Ctrl+C stops it.\n\n${lines.join("\n")}\n\n`;
}

const NO_ACCOUNTS = "none yet: `npx parley user add <user>`";

/** A page cannot be opened at "all addresses", so it is named where it can be. */
function localUrl(url: string): string {
  return url.replace(/\/$/, "").replace(/\/\/(0\.0\.0\.0|\[::\])(?=:|$)/, "//localhost");
}

function demoAccounts(settings: Settings, accounts: readonly Account[]): string | undefined {
  const demo = accounts.filter((account) => account.demo && !account.disabled);
  if (demo.length === 0 || demoReachOf(settings) === "nowhere") return undefined;
  const names = demo.map(({ user, plan }) => `${user} (${plan})`).join(", ");
  const whence = demoReachOf(settings) === "this_machine" ? "; on this machine, not through a proxy" : "";
  return `${names}; password: ${DEMO_PASSWORD}${whence}`;
}

function faultRow({ testFaults }: Settings): [string, string][] {
  if (testFaults === "off") return [];
  const whose =
    testFaults === "public" ? "TEST_FAULTS=public: anybody who can sign in" : "TEST_FAULTS: clients";
  return [["Faults", `on (${whose} may disturb their own connections); see docs/TESTING.md`]];
}

/** What is still as on a first try, and must not be on a server that others reach. */
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
  // With a proxy on this machine it may stay as it is.
  if (isLoopback(host) && trustedProxies.length === 0) steps.push("HOST");
  if (secretKey === undefined) steps.push("SECRET_KEY");
  if (demoAccounts !== false) steps.push("DEMO_ACCOUNTS=false");
  if (tlsCert === undefined && trustedProxies.length === 0)
    steps.push(
      "TLS_CERT and TLS_KEY (or a proxy with TLS, and TRUSTED_PROXIES; ALLOWED_ORIGINS, too, if it says another Host)",
    );
  return steps.length === 0 ? "settings are ready" : `set ${steps.join(", ")}; see docs/SETTINGS.md`;
}
