import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeConversations, withConversations } from "../../../src/cli/store/open.ts";
import { storeProvider } from "../../../src/cli/store/providers.ts";
import { EventBus } from "../../../src/core/events/event-bus.ts";
import type { ApiKeyStore } from "../../../src/core/ports/access/api-keys.ts";
import type { Account, AccountStore } from "../../../src/core/ports/accounts.ts";
import type { Clock } from "../../../src/core/ports/clock.ts";
import type { MemberStore } from "../../../src/core/ports/conversation/members.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type { RevocationStore } from "../../../src/core/ports/revocations.ts";
import { seedDemoAccounts } from "../../../src/server/authentication/demo-accounts.ts";
import { createKeys, type TokenKeys } from "../../../src/server/authentication/keys.ts";
import { createPasswords } from "../../../src/server/authentication/passwords.ts";
import { signToken } from "../../../src/server/authentication/tokens.ts";
import type { Page } from "../../../src/server/http/routes/page.ts";
import { openEventLog } from "../../../src/server/log/event-log.ts";
import type { ServerMetrics } from "../../../src/server/metrics/server-metrics.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { startServer } from "../../../src/server/server.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { readPage } from "../built-page.ts";
import { checkFields, RecordedLog } from "./recorded-log.ts";

export interface TestServerOptions {
  /** Settings as in the environment, in addition to PORT=0 and a temporary data folder; REDIS_URL makes it a node. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Wraps the server's store, for tests of a store that misbehaves. */
  readonly wrapEngine?: (engine: Engine) => Engine;
  readonly metrics?: ServerMetrics;
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly wsUrl: string;
  readonly log: RecordedLog;
  readonly keys: TokenKeys;
  readonly accounts: AccountStore;
  readonly apiKeys: ApiKeyStore;
  readonly members: MemberStore;
  readonly revocations: RevocationStore;
  /** A token for `subject`, signed as an application with SECRET_KEY would. */
  token(subject: string, options?: { plan?: string; lifetime?: number }): Promise<string>;
  /** As SIGHUP does. */
  readCertificate(): void;
  stop(): Promise<void>;
}

/** SECRET_KEY of every test server. */
export const SECRET = "GzcZQ2b7mWq0p5yEw1rT8uKx9vLh3NdF";

/** The console is the same for every server of a test file; to build it is half of the work of a start. */
let page: Promise<Page> | undefined;

/** A real server on its embedded store, or on Redis, on any free port. */
export async function startTestServer({
  env = {},
  clock = systemClock(),
  wrapEngine = (engine) => engine,
  metrics,
}: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const read = readSettings({
    env: { PORT: "0", DATA_DIR: dataDir, SECRET_KEY: SECRET, BCRYPT_COST: "4", PRESENCE_GRACE: "0", ...env },
  });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const { settings } = read;
  const log = new RecordedLog();
  const events = new EventBus();
  const eventLog = openEventLog(log, clock, settings.logLevel);
  events.subscribe(({ name, fields }) => checkFields(name, fields));
  events.subscribe(eventLog.listener);
  const { emit } = events;
  const { store } = await storeProvider(settings).open({ clock, emit });
  const { engine, accounts, revocations } = store;
  const passwords = createPasswords({ cost: settings.bcryptCost, queue: settings.passwordQueue });
  await seedDemoAccounts(settings, { accounts, passwords, clock, emit });
  const keys = await createKeys(settings, SECRET, emit);
  page ??= readPage();
  const server = await startServer({
    ...store,
    page: await page,
    settings,
    version: "0.0.0",
    engine: wrapEngine(engine),
    keys,
    passwords,
    clock,
    emit,
    metrics,
    removeConversations: (ids) => removeConversations(settings, ids),
    withConversations: (task) => withConversations(settings, task),
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await server.stop();
    await store.close();
    eventLog.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    port: server.port,
    url: server.url,
    wsUrl: server.url.replace(/^http/, "ws"),
    log,
    keys,
    accounts,
    apiKeys: store.apiKeys,
    members: store.members,
    revocations,
    token: (subject, options = {}) => signToken(keys, { subject, now: clock.now(), ...options }),
    readCertificate: () => server.readCertificate(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** An account with the fields that a test does not care about filled in; it has no password. */
export function accountOf(user: string, fields: Partial<Account> = {}): Account {
  return { user, plan: "free", disabled: false, passwordHash: "", demo: false, createdAt: 0, ...fields };
}
