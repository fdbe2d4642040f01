import { existsSync } from "node:fs";
import { subjectOf } from "../../client/connection/token.ts";
import { parseServerAddress, type ServerAddress } from "../../conformance/server-address.ts";
import { isLoopback } from "../../server/client-address.ts";
import type { SettingsRead } from "../../server/settings/read.ts";
import { findSecretKey, keyFileOf } from "../../server/settings/secret-key.ts";
import type { Settings } from "../../server/settings/settings.ts";
import type { InspectedData, InspectionError } from "../store/provider.ts";
import { storeProvider } from "../store/providers.ts";

/** What all checks start from. Nothing of it was changed to find it out. */
export interface DoctorFacts {
  readonly read: SettingsRead;
  /** Undefined where they are wrong: what depends on them is not checked. */
  readonly settings: Settings | undefined;
  /** The server to look at, or in words why there is none. */
  readonly server: DoctorTarget | string;
  /** Undefined where the server does not answer. */
  readonly health: Health | InspectionError | undefined;
  readonly credential: DoctorCredential | string;
  /** What was found in the store that the settings choose. */
  readonly data: InspectedData | { readonly kind: "unknown" };
  /** How long anything may take to answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Where the server is. */
export interface DoctorTarget extends ServerAddress {
  /** It was named, and so is expected to run; else it is where the settings would have one listen. */
  readonly isNamed: boolean;
  /** Options of a connection to it. Our own certificate is compared, not trusted: it need not be for 127.0.0.1. */
  readonly tls: { readonly rejectUnauthorized?: boolean };
}

/** What a server said at /healthz, /readyz and /config.json. */
export interface Health {
  readonly alive: { readonly status: number; readonly body: string };
  readonly ready: number;
  readonly version: string | undefined;
  /** How far its clock is ahead of ours, in milliseconds, give or take half a second; undefined without a Date field. */
  readonly aheadMs: number | undefined;
  /** Demo accounts that can be used at this address. */
  readonly demo?: readonly string[];
  /** Whether the server's own page, at this address, is taken for one of another origin. */
  readonly refusesOwnPage?: boolean;
  /** How long /healthz took, in milliseconds. */
  readonly tookMs: number;
}

/** What the doctor may speak with. */
export type DoctorCredential =
  | { readonly secret: string; readonly from: string }
  | { readonly token: string; readonly user: string; readonly from: string };

/** What was asked for. */
export interface DoctorOptions {
  readonly read: SettingsRead;
  /** The server that was named; without it, the one that the settings describe. */
  readonly target?: ServerAddress | undefined;
  /** A token that was given, and where it comes from. */
  readonly token?: { readonly token: string; readonly from: string } | undefined;
  readonly timeoutMs: number;
  /** Files larger than this are not read through, in bytes. */
  readonly maxFullCheckBytes: number;
}

/** Finds out what all checks start from. */
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

/** Where a server with these settings listens, as this machine reaches it. */
export function ownServer(settings: Settings | undefined): DoctorTarget | string {
  if (settings === undefined) return "The settings are wrong; --url says which server to look at.";
  const { host, port, tlsCert } = settings;
  if (port === 0) return "PORT=0 takes any free port; --url says which server to look at.";
  const reachable = ({ "0.0.0.0": "127.0.0.1", "::": "::1" } as Record<string, string>)[host] ?? host;
  const authority = `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  const target = parseServerAddress(`${tlsCert === undefined ? "http" : "https"}://${authority}`);
  if (target === undefined) return `HOST=${host} is no address that can be asked; --url says which is.`;
  return { ...target, isNamed: false, tls: tlsCert === undefined ? {} : { rejectUnauthorized: false } };
}

async function fetchHealth(server: DoctorTarget, patience: number): Promise<DoctorFacts["health"]> {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${server.http}${path}`, {
      headers,
      signal: AbortSignal.timeout(patience),
      redirect: "manual",
      tls: server.tls,
    });
  try {
    const [started, wall] = [performance.now(), Date.now()];
    const alive = await ask("/healthz");
    const took = performance.now() - started;
    const date = Date.parse(alive.headers.get("date") ?? "");
    const body = (await alive.text()).slice(0, 200);
    const [ready, config] = await Promise.all([
      ask("/readyz"),
      // As the page asks that a browser has from this address.
      ask("/config.json", { Origin: new URL(server.http).origin }),
    ]);
    const { version, demo, code } = (await config.json().catch(() => ({}))) as Record<string, unknown>;
    return {
      alive: { status: alive.status, body },
      ready: ready.status,
      version: typeof version === "string" ? version : undefined,
      demo: Array.isArray(demo) ? demo.map((account) => String(account?.user)) : [],
      refusesOwnPage: code === "origin_refused",
      // The field has whole seconds: the middle of them is at most half a second off.
      aheadMs: Number.isNaN(date) ? undefined : date + 500 - (wall + took / 2),
      tookMs: took,
    };
  } catch (error) {
    return { error: explainFetchError(error as Error & { code?: unknown }, patience) };
  }
}

function explainFetchError({ name, code, message }: Error & { code?: unknown }, patience: number): string {
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "nothing listens there";
  return name === "TimeoutError" ? `no answer within ${patience / 1000} s` : message;
}

/** The key that a server with these settings signs with; none is made here. */
function ownKey(settings: Settings | undefined, server: DoctorFacts["server"]): DoctorCredential | string {
  if (settings === undefined) return "the settings are wrong";
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
  return user === undefined ? `what ${from} holds is not a token` : { token, user, from };
}
