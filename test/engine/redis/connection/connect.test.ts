import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Redis } from "ioredis";
import { connect } from "../../../../src/engine/redis/connection/connect.ts";
import { explainError } from "../../../../src/engine/redis/connection/errors.ts";
import {
  checkRequirements,
  evaluateRequirements,
  persistenceOf,
  type RedisFacts,
} from "../../../../src/engine/redis/connection/requirements.ts";
import { systemClock } from "../../../../src/server/process/system-clock.ts";
import { parseRedisUrl } from "../../../../src/server/settings/redis-url.ts";
import { freePort } from "../../../support/free-port.ts";
import { startRedis, type TestRedis } from "../../../support/redis/redis-server.ts";
import { RecordedLog } from "../../../support/server/recorded-log.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { TIMEOUT_MS, waitUntil } from "../../../support/time/wait-until.ts";

/** How long a start that fails may take, in milliseconds: enough for a reply on a quiet machine. */
const SHORT = 400;

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis(["--requirepass", "hunter2"]);
  admin = new Redis(redis.port, "127.0.0.1", { password: "hunter2" });
  await admin.acl("SETUSER", "managed", "on", ">pw", "~*", "&*", "+@all", "-config", "-info");
});
afterAll(async () => {
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});

const prefixes = (function* () {
  for (let i = 1; ; i++) yield `start${i}`;
})();

let lastPrefix = "";

async function connectTo(url: string, timeoutMs: number) {
  const parsed = parseRedisUrl(url);
  if ("problem" in parsed) throw new Error(parsed.problem);
  const log = new RecordedLog();
  const prefix = prefixes.next().value;
  lastPrefix = prefix;
  const client = await connect({
    address: parsed.value,
    prefix,
    node: "n1",
    timeoutMs: timeoutMs,
    clock: systemClock(),
    emit: log.emit,
  });
  return { client, log, [Symbol.asyncDispose]: () => client.close() };
}

/**
 * Returns the message of a start that fails. On a busy machine the time may be over before the reply came that gives the `reason`;
 * then the start is tried again with four times the time.
 */
async function startError(url: string, reason: string): Promise<string> {
  for (let timeoutMs = SHORT; ; timeoutMs *= 4) {
    const message = await connectTo(url, timeoutMs).then(
      () => "none",
      (error: Error) => error.message,
    );
    if (message.includes(reason) || timeoutMs * 4 > TIMEOUT_MS) return message;
  }
}

describe("a start without Redis ends with one line that gives the reason and does not contain the password", () => {
  test.each([
    ["nobody listens", async () => `redis://127.0.0.1:${await freePort()}`, "nothing listens there"],
    ["unknown host", async () => "redis://:hunter2@nowhere.invalid", "its host name is not known"],
    ["no password", async () => redis.url, "it asks for a password: set REDIS_PASSWORD"],
    [
      "wrong password",
      async () => `redis://:hunter3@127.0.0.1:${redis.port}`,
      "it refuses the user or the password",
    ],
    [
      "no password, with a database",
      async () => `${redis.url}/6`,
      "it asks for a password: set REDIS_PASSWORD",
    ],
    [
      "wrong password, with a database",
      async () => `redis://:hunter3@127.0.0.1:${redis.port}/6`,
      "it refuses the user or the password",
    ],
    [
      "wrong password of a Cluster",
      async () => `redis://:hunter3@127.0.0.1:${redis.port}?cluster=true`,
      "it refuses the user or the password",
    ],
    [
      "no password of a Cluster",
      async () => `${redis.url}?cluster=true`,
      "it asks for a password: set REDIS_PASSWORD",
    ],
    [
      "no Sentinel",
      async () => `redis+sentinel://:hunter2@127.0.0.1:${await freePort()}/main`,
      "no Sentinel answers, or none knows that primary",
    ],
    [
      "no Cluster",
      async () => `redis://127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}`,
      "it does not answer",
    ],
    [
      "Cluster meant, one server there",
      async () => `redis://:hunter2@127.0.0.1:${redis.port}?cluster=true`,
      "it is no Redis Cluster",
    ],
  ])("%s", async (_, url, reason) => {
    const message = await startError(await url(), reason);
    expect(message).toContain(reason);
    expect(message).not.toMatch(/hunter|\n/);
  });

  test("the port belongs to a server that is not Redis", async () => {
    using other = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n") },
    });
    const reason = "what answers there is not Redis";
    expect(await startError(`redis://127.0.0.1:${other.port}`, reason)).toContain(reason);
  });
});

test("L3 while the server waits for Redis, it logs the reason and the remaining time every few seconds", async () => {
  const clock = new ManualClock();
  const log = new RecordedLog();
  const hosts = [{ host: "127.0.0.1", port: await freePort() }];
  const address = { kind: "standalone", hosts, tls: false, database: 0 } as const;
  const connecting = connect({
    address,
    prefix: "wait",
    node: "n1",
    timeoutMs: SHORT,
    clock,
    emit: log.emit,
  });
  clock.advance(6_500);
  await connecting.catch(() => {});
  clock.advance(6_500);
  expect(log.events()).toEqual(["store.waiting", "store.waiting"]);
  expect(Object.keys(log.entries[0]!.fields).sort()).toEqual(["reason", "seconds_left", "store"]);
});

test("the server waits for a Redis that starts later", async () => {
  const port = await freePort();
  const connecting = connectTo(`redis://127.0.0.1:${port}`, TIMEOUT_MS);
  await using late = await startRedis([], port);
  await using connected = await connecting;
  expect(connected.client.ready).toBe(true);
  expect(connected.log.events()).toContain("store.connected");
  expect(late.port).toBe(port);
});

describe("requirements for the Redis server", () => {
  const good: RedisFacts = { version: "7.2.4", eviction: "noeviction", persistence: "append-only file" };

  test.each([
    ["as it should be", [good], []],
    ["the oldest", [{ ...good, version: "6.2.0" }], []],
    ["too old", [good, { ...good, version: "6.0.20" }], ["It is version 6.0.20, and Parley needs Redis 6.2"]],
    ["one that forgets", [{ ...good, eviction: "allkeys-lru" }], ["maxmemory-policy is allkeys-lru"]],
    ["nothing may be asked", [{ version: undefined, eviction: undefined, persistence: undefined }], []],
  ] as const)("%s", (_, facts, expected) => {
    const { problems } = evaluateRequirements(facts);
    expect(problems).toHaveLength(expected.length);
    for (const [index, words] of expected.entries()) expect(problems[index]).toContain(words);
  });

  test("D2 a Redis that evicts keys is rejected with the setting to change, and accepted after the change", async () => {
    await using connected = await connectTo(`redis://:hunter2@127.0.0.1:${redis.port}`, TIMEOUT_MS);
    await admin.config("SET", "maxmemory-policy", "volatile-lru");
    const refused = checkRequirements(connected.client, connected.log.emit);
    expect(refused).rejects.toThrow(
      /maxmemory-policy is volatile-lru.*CONFIG SET maxmemory-policy noeviction/,
    );
    await refused.catch(() => {});
    await admin.config("SET", "maxmemory-policy", "noeviction");
    await checkRequirements(connected.client, connected.log.emit);
  });

  test("a Redis that writes nothing to disk causes a warning, one that writes snapshots only another, and one with an append-only file none", async () => {
    await using connected = await connectTo(`redis://:hunter2@127.0.0.1:${redis.port}`, TIMEOUT_MS);
    const warnings = async () => {
      const log = new RecordedLog();
      await checkRequirements(connected.client, log.emit);
      return log.events();
    };
    expect(await warnings()).toEqual(["store.not_persistent"]);
    // The default of Redis 7.
    await admin.config("SET", "save", "3600 1 300 100 60 10000");
    expect(await warnings()).toEqual(["store.snapshots_only"]);
    await admin.config("SET", "appendonly", "yes");
    expect(await warnings()).toEqual([]);
    await admin.config("SET", "appendonly", "no");
    await admin.config("SET", "save", "");
  });

  test("the primary of a Cluster that keeps the least causes the only warning, and what is not known causes none", () => {
    const warned = (...found: RedisFacts["persistence"][]) =>
      evaluateRequirements(found.map((persistence) => ({ ...good, persistence }))).warnings.map(
        ({ event }) => event,
      );
    expect(warned("append-only file", "snapshots", "nothing", "snapshots")).toEqual(["store.not_persistent"]);
    expect(warned("snapshots", undefined, "snapshots")).toEqual(["store.snapshots_only"]);
    expect(warned(undefined)).toEqual([]);
    expect([persistenceOf("0", undefined), persistenceOf(undefined, "")]).toEqual([undefined, undefined]);
  });

  test("a Redis whose configuration may not be read is accepted, with a warning", async () => {
    await using connected = await connectTo(`redis://managed:pw@127.0.0.1:${redis.port}`, TIMEOUT_MS);
    await checkRequirements(connected.client, connected.log.emit);
    expect(connected.log.events()).toContain("store.eviction_unknown");
  });
});

test("an unknown error is repeated with its own text", () => {
  expect(explainError("ERR something new")).toBe("ERR something new");
  expect(explainError("Connection is closed.")).toBe("it does not answer");
});

describe("a database that Redis does not select is not replaced by database 0", () => {
  const url = (database: number, user = "") =>
    `redis://${user}:${user === "" ? "hunter2" : "pw"}@127.0.0.1:${redis.port}/${database}`;

  test("a start ends with the reason, and nothing is written", async () => {
    await admin.acl("SETUSER", "zero", "on", ">pw", "~*", "&*", "+@all", "-select");
    expect(await startError(url(16), "has none of")).toEndWith(
      "database 16 cannot be used: database 16 cannot be selected (it has none of that number): name another one in its address, or change the settings of that Redis.",
    );
    expect(await startError(url(3, "zero"), "may not run SELECT")).toContain("database 3 cannot be selected");
    expect(await admin.keys(`${lastPrefix}:*`)).toEqual([]);
  });

  test("after a reconnect the store is unavailable until the database can be selected", async () => {
    await admin.acl("SETUSER", "three", "on", ">pw", "~*", "&*", "+@all");
    await using node = await connectTo(url(3, "three"), TIMEOUT_MS);
    await admin.acl("SETUSER", "three", "-select");
    await admin.client("KILL", "USER", "three");
    await waitUntil("SELECT was refused", () => node.client.lastErrorText.includes("may not run SELECT"));
    expect(node.client.reachable).toBe(false);
    await expect(node.client.commands.set(`${lastPrefix}:stray`, "x")).rejects.toThrow();
    expect(await admin.keys(`${lastPrefix}:*`)).toEqual([]);
    await admin.acl("SETUSER", "three", "+select");
    await waitUntil("the store is ready again", () => node.client.ready);
    expect(await admin.keys(`${lastPrefix}:*`)).toEqual([]);
  });
});
