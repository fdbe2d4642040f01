import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  collectDataDir,
  type DataDirFacts,
  evaluateDataDir,
  FREE_SPACE_PROBLEM_BYTES,
  FREE_SPACE_WARNING_BYTES,
} from "../../../src/cli/doctor/data-dir.ts";
import type { Health } from "../../../src/cli/doctor/facts.ts";
import { ownServer } from "../../../src/cli/doctor/facts.ts";
import { evaluateRedis, type RedisFacts } from "../../../src/cli/doctor/redis.ts";
import { evaluateRoundTrip, type RoundTripFacts } from "../../../src/cli/doctor/round-trip.ts";
import { evaluateServer, SERVER_CHECK, type ServerFacts } from "../../../src/cli/doctor/server.ts";
import { evaluateSettings } from "../../../src/cli/doctor/settings.ts";
import { evaluateStore, type StoreFacts } from "../../../src/cli/doctor/store.ts";
import { evaluateTime, type TimeFacts } from "../../../src/cli/doctor/time.ts";
import type { RedisInspection } from "../../../src/engine/redis/inspect.ts";
import type { StoreInspection } from "../../../src/engine/sqlite/inspect.ts";
import { signingKeyDigest } from "../../../src/server/authentication/signing-key-check.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { describeEvaluation, sum } from "./describe-evaluation.ts";

const denied = Object.assign(new Error(), { code: "EACCES" });

describeEvaluation<DataDirFacts>(
  "a data folder",
  {
    path: "data",
    state: "there",
    error: undefined,
    modes: [
      { path: "data", mode: 0o755 },
      { path: "data/secret.key", mode: 0o600 },
      { path: "data/parley.db", mode: 0o600 },
    ],
    owner: 1000,
    self: 1000,
    freeBytes: 10 * FREE_SPACE_WARNING_BYTES,
    networkFilesystem: undefined,
    isKeyGone: false,
  },
  evaluateDataDir,
  [
    ["problem", 'The data folder "data" cannot be written: this user has no right', { error: denied }],
    ["warning", "can change data.", { modes: [{ path: "data", mode: 0o777 }] }],
    ["problem", "use it to sign in as any user", { modes: [{ path: "data/secret.key", mode: 0o640 }] }],
    ["warning", "can read data/parley.db.", { modes: [{ path: "data/parley.db", mode: 0o644 }] }],
    ["warning", "belongs to user 0, but the doctor runs as user 1000", { owner: 0 }],
    ["warning", "on a network file system (NFS)", { networkFilesystem: "NFS" }],
    [
      "problem",
      "The signing key data/secret.key is gone. A server that runs still has it",
      { isKeyGone: true },
    ],
    ["warning", "Only 1024 MiB are free", { freeBytes: FREE_SPACE_WARNING_BYTES - 1 }],
    ["problem", "when it is full, all messages are rejected", { freeBytes: FREE_SPACE_PROBLEM_BYTES - 1 }],
  ],
);

test("a key file that is gone is noticed where the folder has a store, and no SECRET_KEY is set", () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-key-"));
  const isGone = (ownKey = true) => collectDataDir(folder, ownKey).isKeyGone;
  expect(isGone()).toBe(false);
  writeFileSync(join(folder, "parley.db"), "");
  expect([isGone(), isGone(false)]).toEqual([true, false]);
  writeFileSync(join(folder, "secret.key"), "");
  expect(isGone()).toBe(false);
  rmSync(folder, { recursive: true });
});

test("a file with open permissions is protected by a folder that others may not enter", () => {
  const facts: DataDirFacts = {
    path: "data",
    state: "there",
    error: undefined,
    modes: [
      { path: "data", mode: 0o700 },
      { path: "data/parley.db", mode: 0o644 },
    ],
    owner: 1,
    self: 1,
    freeBytes: undefined,
    networkFilesystem: undefined,
    isKeyGone: false,
  };
  expect(sum(evaluateDataDir(facts))).toBe("ok");
  const key = { path: "data/secret.key", mode: 0o644 };
  expect(sum(evaluateDataDir({ ...facts, modes: [...facts.modes, key] }))).toStartWith("problem");
});

const STORE: StoreInspection = {
  bytes: 5000,
  version: 3,
  knownVersion: 3,
  conversations: 1,
  newestAt: 1,
  damage: [],
  unclosed: undefined,
  erasing: false,
  kept: [],
  feed: { bytes: 0, oldestAt: undefined },
  webhooks: [],
};

describeEvaluation<StoreFacts>(
  "an embedded store",
  { folder: "data", store: STORE, sync: "normal", serverAnswers: false },
  evaluateStore,
  [
    ["problem", "cannot be read (EACCES)", { store: { error: "EACCES" } }],
    ["problem", "cannot be read (file is not a database)", { store: { error: "file is not a database" } }],
    ["problem", "is damaged (row 7 missing)", { store: { ...STORE, damage: ["row 7 missing"] } }],
    ["problem", "written by a newer Parley (schema 4", { store: { ...STORE, version: 4 } }],
    ["warning", "The machine stopped", { store: { ...STORE, unclosed: "earlier start" } }],
    ["ok", "", { store: { ...STORE, unclosed: "earlier start" }, serverAnswers: true }],
    ["ok", "", { store: { ...STORE, unclosed: "this start" } }],
    ["warning", "the server was killed, or could not", { store: { ...STORE, erasing: true } }],
    [
      "warning",
      "No server responds here: one that runs cleans them within a minute",
      { store: { ...STORE, erasing: true, unclosed: "this start" } },
    ],
    ["ok", "", { store: { ...STORE, erasing: true }, serverAnswers: true }],
    [
      "warning",
      "data has older stores",
      { store: { ...STORE, kept: ["parley-schema-5-1.db", "replaced-1"] } },
    ],
    ["ok", "", { store: { ...STORE, version: 2 } }],
    ["ok", "", { store: undefined }],
  ],
);

const node = (id: string, version = "1.0.0", until = 2_000) => ({
  id,
  incarnation: id,
  url: "",
  version,
  startedAt: 0,
  connections: 0,
  lag: 0,
  until,
});

const REDIS: RedisInspection = {
  description: "Redis at r:6379",
  verdict: { problems: [], warnings: [] },
  primaries: [{ fullness: 0.5, replicas: 1 }],
  roundTrip: 0.4,
  ahead: 3,
  nodes: [node("a"), node("b")],
  erasures: { inFileSince: undefined, refused: undefined },
  signingKeys: [signingKeyDigest("the key of all nodes")],
  feed: { bytes: 0, oldestAt: undefined },
  webhooks: [],
  now: 1_000,
};

const erasedAgo = (minutes: number, refused?: string): RedisInspection => {
  const now = 100 * 60_000;
  const nodes = [node("a", "1.0.0", now + 1), node("b", "1.0.0", now + 1)];
  return { ...REDIS, now, nodes, erasures: { inFileSince: now - minutes * 60_000, refused } };
};

describeEvaluation<RedisFacts>(
  "a Redis",
  { redis: REDIS, ackAfter: "primary", eraseRewrite: 60, keys: ["the key of all nodes"] },
  evaluateRedis,
  [
    ["ok", "", { redis: erasedAgo(59) }],
    ["problem", "has another SECRET_KEY than these settings", { keys: ["another key"] }],
    ["ok", "", { keys: ["a new key", "the key of all nodes"] }],
    ["ok", "", { keys: ["any key"], redis: { ...REDIS, signingKeys: [] } }],
    ["warning", "may still hold texts", { redis: erasedAgo(63) }],
    ["warning", "was not rewritten since", { redis: erasedAgo(1), eraseRewrite: 0 }],
    ["warning", "refused to rewrite it: NOPERM", { redis: erasedAgo(1, "NOPERM") }],
    ["problem", "could not be used", { redis: { error: "Redis at r:6379 could not be used" } }],
    ["problem", "It is old.", { redis: { ...REDIS, verdict: { problems: ["It is old."], warnings: [] } } }],
    [
      "warning",
      "Nothing on disk.",
      {
        redis: {
          ...REDIS,
          verdict: {
            problems: [],
            warnings: [{ event: "store.not_persistent", advice: "Nothing on disk." }],
          },
        },
      },
    ],
    ["warning", "90 % full", { redis: { ...REDIS, primaries: [{ fullness: 0.9, replicas: 1 }] } }],
    [
      "problem",
      "a primary has no replica",
      { redis: { ...REDIS, primaries: [{ fullness: 0.1, replicas: 0 }] }, ackAfter: "replica" },
    ],
    ["warning", "takes 180 ms", { redis: { ...REDIS, roundTrip: 180 } }],
    ["warning", "The lease of b", { redis: { ...REDIS, nodes: [node("a"), node("b", "1.0.0", 999)] } }],
    ["warning", "1.0.0, 1.1.0", { redis: { ...REDIS, nodes: [node("a"), node("b", "1.1.0")] } }],
  ],
);

describeEvaluation<TimeFacts>(
  "clocks",
  { redis: 100, server: -400, stored: undefined, leeway: 30 },
  evaluateTime,
  [
    ["warning", "The clock of Redis is 5.0 s ahead of this machine's.", { redis: 5_000 }],
    ["problem", "The clock of the server is 40.0 s behind this machine's: tokens", { server: -40_000 }],
    ["warning", "which was set back", { stored: 60_000 }],
    ["ok", "", { stored: -60_000 }],
  ],
);

describeEvaluation<ServerFacts>(
  "a running server",
  {
    url: "http://h",
    isNamed: false,
    version: "1.0.0",
    health: {
      alive: { status: 200, body: '{"status":"ok"}' },
      ready: 200,
      version: "1.0.0",
      aheadMs: 0,
      tookMs: 2,
    },
  },
  evaluateServer,
  [
    ["warning", "No server responds at http://h (nothing", { health: { error: "nothing listens there" } }],
    ["problem", "No server responds", { health: { error: "nothing listens there" }, isNamed: true }],
    [
      "warning",
      "A server runs on ./data, or was killed there, but none responds at http://h (nothing listens there).",
      {
        health: { error: "nothing listens there" },
        runsOn: "A server runs on ./data, or was killed there",
      },
    ],
    [
      "problem",
      "No server responds at http://h",
      { health: { error: "nothing listens there" }, runsOn: "A server runs on ./data", isNamed: true },
    ],
    ["warning", "has version 1.0.0, but this command has version 1.1.0", { version: "1.1.0" }],
  ],
);

test("a store of an older version is updated by the next start", () => {
  const facts = { folder: "data", sync: "normal", serverAnswers: false } as const;
  expect(evaluateStore({ ...facts, store: { ...STORE, version: 2, damage: undefined } }).findings).toEqual([
    {
      mark: "ok",
      text: "The store in data is readable (use --thorough to read all of it): 1 conversation, 4.9 KiB. Its schema is older (2); the next start updates it, after putting a copy aside.",
    },
  ]);
});

test("a server that is not at the address of the settings is looked for in the store", () => {
  const about = (data: object) =>
    SERVER_CHECK.run({
      ...{ server: { http: "http://h", isNamed: false }, health: { error: "nothing listens there" } },
      ...{ settings: { dataDir: "./data" }, data },
    } as never);
  const embedded = (unclosed: StoreInspection["unclosed"]) =>
    about({ kind: "embedded", store: { ...STORE, unclosed } });
  const redis = (now: number) => about({ kind: "redis", redis: { ...REDIS, now } });
  const end = "but none responds at http://h (nothing listens there).";
  const texts = async (result: ReturnType<typeof about>) => (await result).findings.map(({ text }) => text);
  return Promise.all([
    expect(texts(embedded("this start"))).resolves.toEqual([
      `A server runs on ./data, or was killed there, ${end}`,
    ]),
    expect(texts(embedded(undefined))).resolves.toEqual([
      "No server responds at http://h (nothing listens there).",
    ]),
    expect(texts(redis(1_000))).resolves.toEqual([`The store in Redis is used by a, b, ${end}`]),
    expect(texts(redis(3_000))).resolves.toEqual(["No server responds at http://h (nothing listens there)."]),
  ]);
});

test("a server that accepts no clients, a slow one and one that is not Parley are reported", () => {
  const facts = { url: "http://h", isNamed: true, version: "1" };
  const health = {
    alive: { status: 200, body: '{"status":"ok"}' },
    ready: 200,
    version: "1",
    aheadMs: 0,
    tookMs: 2,
  };
  const about = (change: Partial<Health>) =>
    sum(evaluateServer({ ...facts, health: { ...health, ...change } }));
  expect(about({ ready: 503 })).toStartWith("problem: The server at http://h accepts no new clients");
  expect(about({ refusesOwnPage: true })).toStartWith(
    "problem: The server treats its own page at http://h as",
  );
  expect(about({ demo: ["user1"] })).toStartWith(
    "problem: Anyone who can reach http://h can sign in as user1",
  );
  expect(about({ tookMs: 1_500 })).toStartWith("warning: The server at http://h took 1.5 s");
  expect(about({ alive: { status: 200, body: "<h1>It works</h1>" } })).toStartWith(
    "problem: The program at http://h is not Parley",
  );
});

describeEvaluation<RoundTripFacts>(
  "a talk",
  {
    url: "http://h",
    credential: "SECRET_KEY",
    failure: undefined,
    timesMs: { connect: 3, ack: 2, resume: 4 },
  },
  evaluateRoundTrip,
  [
    ["warning", "acked in 1200.0 ms", { timesMs: { connect: 3, ack: 1_200, resume: 4 } }],
    [
      "problem",
      "rejects a token from SECRET_KEY",
      { failure: { step: "welcome", code: "unauthorized", text: "its signature does not fit" } },
    ],
    ["warning", "rate_limited. Wait.", { failure: { step: "message", code: "rate_limited", text: "Wait." } }],
    ["problem", "unavailable. Store.", { failure: { step: "message", code: "unavailable", text: "Store." } }],
    ["problem", "failed at the resume. No frame", { failure: { step: "resume", text: "No frame came." } }],
  ],
);

describe("settings", () => {
  const about = (env: Record<string, string>) => sum(evaluateSettings(readSettings({ env })));
  test("SEC-S3 demo accounts, if a proxy may lead to this machine", () => {
    expect(about({})).toStartWith("ok");
    expect(about({ DEMO_ACCOUNTS: "true" })).toStartWith("warning: Anyone who connects through a proxy");
    expect(about({ TRUSTED_PROXIES: "127.0.0.1" })).toStartWith(
      "warning: Demo accounts are for users of this",
    );
    expect(about({ TRUSTED_PROXIES: "127.0.0.1", DEMO_ACCOUNTS: "false" })).toStartWith("ok");
  });

  test("that a server would start with, on this machine or behind a proxy, are ok", () => {
    expect(about({})).toBe("ok");
    expect(about({ HOST: "0.0.0.0", TRUSTED_PROXIES: "10.0.0.0/8" })).toBe("ok");
  });

  test("that prevent a start are problems, and slips are warnings", () => {
    expect(about({ PORT: "80a" })).toStartWith('problem: PORT="80a" (from the environment)');
    const read = readSettings({ envFile: "PROT=1" });
    expect(sum(evaluateSettings(read))).toStartWith("warning: PROT in .env is not a setting");
  });

  test("that leave a server open to others are reported", () => {
    expect(about({ HOST: "0.0.0.0" })).toStartWith(
      "warning: Passwords, tokens and messages are sent to 0.0.0.0 without",
    );
    expect(about({ HOST: "0.0.0.0", DEMO_ACCOUNTS: "true" })).toStartWith(
      "problem: Anyone who can reach 0.0.0.0",
    );
  });

  test.each([
    [{}, "http://127.0.0.1:8000"],
    [{ HOST: "0.0.0.0", PORT: "9000" }, "http://127.0.0.1:9000"],
    [{ HOST: "::" }, "http://[::1]:8000"],
    [{ HOST: "chat.example.com" }, "http://chat.example.com:8000"],
  ])("%j lead to %s", (env, url) => {
    const read = readSettings({ env: env as Record<string, string> });
    expect(ownServer("settings" in read ? read.settings : undefined)).toMatchObject({
      http: url,
      isNamed: false,
    });
  });

  test("PORT=0 gives no address of a server", () => {
    const read = readSettings({ env: { PORT: "0" } });
    expect(ownServer("settings" in read ? read.settings : undefined)).toContain("name the server with --url");
  });
});
