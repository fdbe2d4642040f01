import type { PlanTable } from "../../../src/core/access/plans.ts";
import type { Account } from "../../../src/core/ports/accounts.ts";
import type { Engine } from "../../../src/core/ports/engine.ts";
import type { Unavailable } from "../../../src/core/ports/message-log.ts";
import { LocalLeases } from "../../../src/engine/local/leases.ts";
import { LocalThrottle } from "../../../src/engine/local/throttle.ts";
import { LocalTickets } from "../../../src/engine/local/tickets.ts";
import { SqliteApiKeys } from "../../../src/engine/sqlite/accounts/api-keys.ts";
import { SqliteWebhooks } from "../../../src/engine/sqlite/feed/webhooks.ts";
import { openStore } from "../../../src/engine/sqlite/schema.ts";
import type { Quota } from "../../../src/protocol/server-frames.ts";
import { ApiKeys } from "../../../src/server/authentication/api-keys.ts";
import { createPasswords } from "../../../src/server/authentication/passwords.ts";
import { createApiPage } from "../../../src/server/console-files.ts";
import { type AppDeps, createApp } from "../../../src/server/http/app.ts";
import type { HttpEnvironment } from "../../../src/server/http/context.ts";
import { ManualClock } from "../time/manual-clock.ts";
import { NO_MEMBERS } from "./no-members.ts";
import { RecordedLog } from "./recorded-log.ts";
import { storedAccounts, storedRefreshTokens, storedRevocations } from "./stored-accounts.ts";
import { testKeys } from "./tokens.ts";

type RequestContext = HttpEnvironment["Bindings"];

export const TEST_PASSWORD = "correct horse";

const KEYS = await testKeys();

const PLANS: PlanTable = {
  plans: new Map([
    ["free", { name: "free", requestsPerHour: 100, connections: 5 }],
    ["basic", { name: "basic", requestsPerHour: 1000, connections: 20 }],
    ["open", { name: "open", requestsPerHour: 0, connections: 0 }],
  ]),
  fallback: { name: "free", requestsPerHour: 100, connections: 5 },
};

/** An account of `user` on plan basic with TEST_PASSWORD. */
export async function testAccount(user: string, change: Partial<Account> = {}): Promise<Account> {
  const passwordHash = await Bun.password.hash(TEST_PASSWORD, { algorithm: "bcrypt", cost: 4 });
  return { user, plan: "basic", disabled: false, passwordHash, demo: false, createdAt: 0, ...change };
}

const unused = (): never => {
  throw new Error("not used in this test");
};

/** An engine that supports quotas and nothing else; tests of the rest use a real server. */
export function quotaEngine(quota: Engine["quota"]): AppDeps["engine"] {
  const unavailable = (_request: unknown, done: (result: Unavailable) => void) =>
    done({ outcome: "unavailable" });
  const charge = async (): Promise<Unavailable> => ({ outcome: "unavailable" });
  const head = async () => ({ seq: 0, first: 1, epoch: "store.0", rev: 0 });
  return { quota, charge, head, post: unavailable, history: unavailable };
}

/**
 * The HTTP application on real parts, with the account `ann`, seven requests used up, and a clock that does not
 * advance.
 */
export async function testApp(change: Partial<AppDeps> = {}) {
  const log = new RecordedLog();
  const clock = new ManualClock();
  const accounts = storedAccounts(await testAccount("ann"));
  const revocations = storedRevocations();
  const quota = async (_user: string, limit: number): Promise<Quota | null> =>
    limit === 0 ? null : { limit, remaining: limit - 7, reset: 1234.5 };
  const parts: AppDeps = {
    accounts,
    revocations,
    refreshTokens: storedRefreshTokens(),
    refreshLifetime: 2_592_000,
    tickets: new LocalTickets(clock),
    engine: quotaEngine(quota),
    passwords: createPasswords({ cost: 4, queue: 50 }),
    throttle: new LocalThrottle({ failures: 5, window: 300_000, attemptsPerMinute: 30 }, clock),
    keys: KEYS,
    plans: PLANS,
    burst: { rate: 20, size: 40 },
    changes: { change: (_request, done) => done({ outcome: "unavailable" }) },
    streams: { cancel: async () => ({ outcome: "unavailable" }) },
    streamWriters: {
      start: async () => ({ outcome: "unavailable" }),
      write: async () => ({ outcome: "unavailable" }),
    },
    marks: { setReadMark: async () => undefined },
    views: { read: async () => ({ views: [], now: 0, store: "" }) },
    announceReadMark: () => {},
    inactivityTimeout: 300,
    version: "0.1.0",
    page: new Map(),
    apiPage: createApiPage,
    apiKeys: new ApiKeys([]),
    apiKeyStore: new SqliteApiKeys(openStore(":memory:", "normal", 0), clock, log.emit),
    webhooks: new SqliteWebhooks(openStore(":memory:", "normal", 0), clock, log.emit),
    feed: { read: unused, newest: unused },
    endpointRules: { allowPrivate: false },
    leases: new LocalLeases(),
    store: { nodes: async () => undefined, measure: unused },
    serverState: unused,
    activity: { answer: unused },
    withConversations: unused,
    persons: { read: unused },
    erasures: { request: unused, wait: unused, find: unused },
    members: NO_MEMBERS,
    memberPolicy: { defaultAccess: "anyone", create: "anyone", maxMembers: 100, maxConversations: 100 },
    origins: { allowed: [], loopbackPort: undefined },
    present: async () => ({ present: [], present_count: 0, more: false }),
    readInbox: async () => "{}",
    eventFeed: {
      hasRoom: true,
      ask: async () => {},
      newest: async () => "0",
      read: async () => undefined,
    },
    count: () => {},
    ready: () => true,
    isStoreUnavailable: () => false,
    removeConversation: async () => false,
    clock,
    emit: log.emit,
    ...change,
  };
  const app = createApp(parts);
  return {
    parts,
    log,
    clock,
    accounts,
    revocations,
    /** Sends a request as the server hands it over. */
    async send(
      path: string,
      init: RequestInit = {},
      context: Partial<RequestContext> = {},
    ): Promise<Response> {
      const bindings = {
        address: "192.0.2.1",
        scheme: "http" as const,
        demoUse: "elsewhere",
        arrived: () => {},
        faultsUsable: true,
        onThisMachine: false,
        ...context,
      };
      return app.fetch(new Request(`http://localhost:8000${path}`, init), bindings);
    },
    /** Signs in with a urlencoded form. */
    async signIn(username: string, password: string): Promise<Response> {
      return this.send("/token", { method: "POST", body: new URLSearchParams({ username, password }) });
    },
  };
}
