import { existsSync } from "node:fs";
import { subjectOf } from "../../client/line/token.ts";
import { parseServerAddress, type ServerAddress } from "../../conformance/server-address.ts";
import { isLoopback } from "../../server/client-address.ts";
import { explainRequestError } from "../../server/request-errors.ts";
import type { SettingsRead } from "../../server/settings/read.ts";
import { findSecretKey, keyFileOf } from "../../server/settings/secret-key.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectedData, InspectionError } from "../store/provider.ts";
import { storeProvider } from "../store/providers.ts";

/** The facts that all checks start from. Collecting them changes nothing. */
export interface DoctorFacts {
  readonly read: SettingsRead;
  /** Undefined if the settings are invalid: checks that need them are skipped. */
  readonly settings: Settings | undefined;
  /** The server to check, or the reason why none is known. */
  readonly server: DoctorTarget | string;
  /** Undefined if no server is known. */
  readonly health: Health | InspectionError | undefined;
  readonly credential: DoctorCredential | string;
  /** What was found in the store that the settings choose. */
  readonly data: InspectedData | { readonly kind: "unknown" };
  /** Longest wait for each response, in milliseconds. */
  readonly timeoutMs: number;
}

/** The server to check. */
export interface DoctorTarget extends ServerAddress {
  /** Whether it was named, and is expected to run; otherwise it is at the address in the settings. */
  readonly isNamed: boolean;
  /** TLS options. The certificate of the own server is compared, not verified: it need not be for 127.0.0.1. */
  readonly tls: { readonly rejectUnauthorized?: boolean };
}

/** The responses of a server at /healthz, /readyz and /config.json. */
export interface Health {
  readonly alive: { readonly status: number; readonly body: string };
  readonly ready: number;
  readonly version: string | undefined;
  /** How far its clock is ahead of ours, in milliseconds, within half a second; undefined without a Date field. */
  readonly aheadMs: number | undefined;
  /** Demo accounts that can sign in at this URL. */
  readonly demo?: readonly string[];
  /** Whether the server rejects the origin of its own page at this URL. */
  readonly refusesOwnPage?: boolean;
  /** How long /healthz took, in milliseconds. */
  readonly tookMs: number;
}

/** The credential of the doctor. */
export type DoctorCredential =
  | { readonly secret: string; readonly from: string }
  | { readonly token: string; readonly user: string; readonly from: string };

/** The options of the doctor. */
export interface DoctorOptions {
  readonly read: SettingsRead;
  /** The server that was named; default: the one of the settings. */
  readonly target?: ServerAddress | undefined;
  /** A given token, and where it comes from. */
  readonly token?: { readonly token: string; readonly from: string } | undefined;
  readonly timeoutMs: number;
  /** Size up to which files are read completely, in bytes. */
  readonly maxFullCheckBytes: number;
}

/** Collects the facts that all checks start from. */
export async function collectFacts(options: DoctorOptions): Promise<DoctorFacts> {
  const { read, target, token, timeoutMs } = options;
  const settings = "settings" in read ? read.settings : undefined;
  const server = target === undefined ? ownServer(settings) : { ...target, isNamed: true, tls: {} };
  const health = typeof server === "string" ? undefined : await fetchHealth(server, timeoutMs);
  const credential = token === undefined ? ownKey(settings, server) : readToken(token);
  const data =
    settings === undefined ? { kind: "unknown" as const } : await storeProvider(settings).inspect(options);
  return { read, settings, server, health, credential, data, timeoutMs };
}

/** Returns the server with these settings, at an address that this machine can reach. */
export function ownServer(settings: Settings | undefined): DoctorTarget | string {
  if (settings === undefined) return "The settings are invalid; name the server with --url.";
  const { host, port, tlsCert } = settings;
  if (port === 0) return "PORT=0 uses any free port; name the server with --url.";
  const reachable = ({ "0.0.0.0": "127.0.0.1", "::": "::1" } as Record<string, string>)[host] ?? host;
  const authority = `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  const target = parseServerAddress(`${tlsCert === undefined ? "http" : "https"}://${authority}`);
  if (target === undefined)
    return `HOST=${host} is not an address to connect to; name the server with --url.`;
  return { ...target, isNamed: false, tls: tlsCert === undefined ? {} : { rejectUnauthorized: false } };
}

async function fetchHealth(server: DoctorTarget, timeoutMs: number): Promise<DoctorFacts["health"]> {
  const request = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${server.http}${path}`, {
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "manual",
      tls: server.tls,
    });
  try {
    const [started, wall] = [performance.now(), Date.now()];
    const alive = await request("/healthz");
    const tookMs = performance.now() - started;
    const date = Date.parse(alive.headers.get("date") ?? "");
    const body = (await alive.text()).slice(0, 200);
    const [ready, config] = await Promise.all([
      request("/readyz"),
      // With the Origin that a browser sends for the page at this URL.
      request("/config.json", { Origin: new URL(server.http).origin }),
    ]);
    const { version, demo, code } = (await config.json().catch(() => ({}))) as Record<string, unknown>;
    return {
      alive: { status: alive.status, body },
      ready: ready.status,
      version: typeof version === "string" ? version : undefined,
      demo: Array.isArray(demo) ? demo.map((account) => String(account?.user)) : [],
      refusesOwnPage: code === "origin_refused",
      // The Date field has whole seconds: adding half a second limits the error to half a second.
      aheadMs: Number.isNaN(date) ? undefined : date + 500 - (wall + tookMs / 2),
      tookMs,
    };
  } catch (error) {
    return { error: explainRequestError(error) };
  }
}

/** Returns the key with which a server with these settings signs tokens; creates none. */
function ownKey(settings: Settings | undefined, server: DoctorFacts["server"]): DoctorCredential | string {
  if (settings === undefined) return "the settings are invalid";
  const { secretKey } = settings;
  if (secretKey !== undefined) return { secret: secretKey, from: "SECRET_KEY" };
  const path = keyFileOf(settings);
  if (path === undefined || !existsSync(path)) return "there is no SECRET_KEY here, and no PARLEY_TOKEN";
  const isElsewhere =
    typeof server !== "string" && server.isNamed && !isLoopback(new URL(server.http).hostname);
  if (isElsewhere) return `the key in ${path} is for servers of this machine; set SECRET_KEY or PARLEY_TOKEN`;
  const read = findSecretKey(settings);
  return "problem" in read ? read.problem : { secret: read.secret, from: path };
}

function readToken({ token, from }: { token: string; from: string }): DoctorCredential | string {
  const user = subjectOf(token);
  return user === undefined ? `the value of ${from} is not a token` : { token, user, from };
}
