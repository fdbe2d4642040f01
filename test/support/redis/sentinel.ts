import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { freePort } from "../free-port.ts";
import { waitUntil } from "../time/wait-until.ts";
import { withRedis } from "./connection.ts";
import { REDIS_SERVER, startRedis, type TestRedis } from "./redis-server.ts";

/** A real primary with a replica, watched by three sentinels, on this machine. */
export interface TestSentinel extends AsyncDisposable {
  /** As REDIS_URL has it. */
  readonly url: string;
  /** The two servers, in the order in which they were started. */
  readonly servers: readonly [TestRedis, TestRedis];
  readonly sentinelPorts: readonly number[];
  /** The server that the sentinels call the primary now. */
  primary(): Promise<TestRedis>;
  /** How often the sentinels have changed the primary or tried to, in a test or by themselves. */
  failovers(): Promise<number>;
  /** Resolves when the replica has all that was written before. Writes `key` for that. */
  waitForReplica(key: string): Promise<void>;
  /** From now on no write reaches the replica; it keeps its data. Kill the primary within 5 s. */
  pauseReplication(): Promise<void>;
  /** Ends the primary with kill -9; resolves with it when the replica has taken over and accepts writes. */
  killPrimary(): Promise<TestRedis>;
  /** Starts a server that was killed again; resolves when it is the replica, in step, and every sentinel knows. */
  restartAsReplica(server: TestRedis): Promise<void>;
  /** Has the sentinels make the replica the primary though nothing is wrong; resolves when it takes writes. */
  failOver(): Promise<void>;
}

export const PRIMARY_NAME = "parley";

/**
 * How long a server may be silent before a sentinel considers it dead, in milliseconds. With half a second, sentinels
 * on a busy machine took a new primary for dead before they had connected to it, and went back to the old one, which
 * was empty.
 */
const DOWN_AFTER_MS = 1_500;

const SENTINELS = 3;

/** No server asks for it, and a client that sends a password where none is asked for is rejected. */
const WRONG_PASSWORD = "held-back";

export async function startSentinel(options: readonly string[] = []): Promise<TestSentinel> {
  const settings = ["--repl-diskless-sync-delay", "0", ...options];
  const first = await startRedis(settings);
  const second = await startRedis([...settings, "--replicaof", "127.0.0.1", String(first.port)]);
  const servers = [first, second] as const;
  await waitUntil("the replica has its copy", () => isSynced(second));
  const folder = mkdtempSync(join(tmpdir(), "parley-sentinel-"));
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinelProcess(folder, first.port)),
  );
  const sentinelPorts = sentinels.map(({ port }) => port);
  await waitUntil("the sentinels know each other and the replica", async () =>
    (await Promise.all(sentinelPorts.map(isReadyToLead))).every(Boolean),
  );

  const primaryBy = async (sentinelPort: number) => {
    const [, port] = await askSentinel(sentinelPort, ["GET-MASTER-ADDR-BY-NAME", PRIMARY_NAME]);
    return servers.find((server) => server.port === Number(port))!;
  };
  const primary = () => primaryBy(sentinelPorts[0]!);
  const waitForFailover = (old: TestRedis) =>
    waitUntil("the replica has taken over", async () => {
      // All of them: one that has not noticed would still send clients to the old one when that is back, empty.
      const named = await Promise.all(sentinelPorts.map(primaryBy));
      return named.every((now) => now !== old) && (await acceptsWrites(named[0]!));
    });
  return {
    url: `redis+sentinel://${sentinelPorts.map((port) => `127.0.0.1:${port}`).join(",")}/${PRIMARY_NAME}`,
    servers,
    sentinelPorts,
    primary,
    async failovers() {
      const fields = await askSentinel(sentinelPorts[0]!, ["MASTER", PRIMARY_NAME]);
      return Number(fields[fields.indexOf("config-epoch") + 1]);
    },
    async waitForReplica(key) {
      const { port } = await primary();
      await waitUntil("the replica has all", () =>
        withRedis(port, async (redis) => {
          await redis.set(key, "");
          return (await redis.wait(1, 2_000)) === 1;
        }),
      );
    },
    async pauseReplication() {
      const source = await primary();
      const replica = servers.find((server) => server !== source)!;
      // The sentinels would reconnect it from another address, and take it for dead if it did not reply; so it is made
      // to fail at the sign-in. They do not choose a replica that has been without its primary for over 5 s.
      await untilDone(replica.port, (redis) => redis.config("SET", "masterauth", WRONG_PASSWORD));
      await untilDone(source.port, (redis) => redis.call("CLIENT", "KILL", "TYPE", "replica"));
      await waitUntil("the replica is held back", async () => !(await isSynced(replica)));
    },
    async killPrimary() {
      const old = await primary();
      await old.kill();
      await waitForFailover(old);
      // A sentinel ends the connections of a server whose role it has changed, perhaps in the middle of this.
      await waitUntil("the new primary has no wrong password any more", async () => {
        await untilDone((await primary()).port, (redis) => redis.config("SET", "masterauth", ""));
        return true;
      });
      return old;
    },
    async restartAsReplica(server) {
      await server.restart();
      const { port } = await primary();
      // The sentinels would see to it too, some ten seconds later.
      await waitUntil("the server that came back is a replica", async () => {
        await untilDone(server.port, (redis) => redis.call("REPLICAOF", "127.0.0.1", port));
        return true;
      });
      await waitUntil("the server that came back is in step", () => isSynced(server));
      await waitUntil("the sentinels know the replica", async () =>
        (await Promise.all(sentinelPorts.map(isReadyToLead))).every(Boolean),
      );
    },
    async failOver() {
      const old = await primary();
      const leader = sentinelPorts[0]!;
      // A replica that has just returned is not chosen at once; and on a busy machine a failover may be abandoned
      // (failover-timeout), after which no sentinel begins another one: so it is requested until it is done.
      await waitUntil("another one is the primary", async () => {
        const fields = await askSentinel(leader, ["MASTER", PRIMARY_NAME]);
        const field = (name: string) => fields[fields.indexOf(name) + 1]!;
        if (Number(field("port")) !== old.port) return true;
        if (!field("flags").includes("failover_in_progress"))
          await askSentinel(leader, ["FAILOVER", PRIMARY_NAME]);
        return false;
      });
      await waitForFailover(old);
    },
    async [Symbol.asyncDispose]() {
      for (const { process_ } of sentinels) process_.kill("SIGKILL");
      await Promise.all(sentinels.map(({ process_ }) => process_.exited));
      for (const server of servers) await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts one sentinel; it keeps its state in its file. */
async function startSentinelProcess(folder: string, primaryPort: number) {
  const port = await freePort();
  const file = join(folder, `${port}.conf`);
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `sentinel monitor ${PRIMARY_NAME} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${PRIMARY_NAME} ${DOWN_AFTER_MS}`,
    // The next failover may wait twice as long.
    `sentinel failover-timeout ${PRIMARY_NAME} 1500`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const process_ = Bun.spawn([REDIS_SERVER, file, "--sentinel"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  await waitUntil(`the sentinel on port ${port} replies`, () =>
    withRedis(port, async (redis) => (await redis.ping()) === "PONG"),
  );
  // Sentinels poll and inform each other every ten and two seconds; the command is new in Redis 7.
  await withRedis(port, (redis) =>
    redis.call("SENTINEL", "DEBUG", "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200),
  ).catch(() => {});
  return { port, process_ };
}

/**
 * Gives a command that may be given twice, until it is carried out: a sentinel that makes a server a primary or a replica ends
 * all connections to it, ours as well.
 */
function untilDone(port: number, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  return waitUntil(`the server on port ${port} carries out a command`, async () => {
    await withRedis(port, work);
    return true;
  });
}

/** Whether a sentinel could lead a failover: it knows the others and a replica that is in step. */
async function isReadyToLead(port: number): Promise<boolean> {
  return withRedis(port, async (redis) => {
    const others = (await redis.call("SENTINEL", "SENTINELS", PRIMARY_NAME)) as unknown[];
    const replicas = (await redis.call("SENTINEL", "REPLICAS", PRIMARY_NAME)) as string[][];
    const isThere = replicas.some((fields) => fields[fields.indexOf("master-link-status") + 1] === "ok");
    return others.length === SENTINELS - 1 && isThere;
  });
}

function askSentinel(port: number, words: readonly string[]): Promise<string[]> {
  return withRedis(port, async (redis) => (await redis.call("SENTINEL", ...words)) as string[]);
}

async function isSynced({ port }: TestRedis): Promise<boolean> {
  const [role, , , state] = await withRedis(port, (redis) => redis.role() as Promise<unknown[]>);
  return role === "slave" && state === "connected";
}

async function acceptsWrites({ port }: TestRedis): Promise<boolean> {
  const [role] = await withRedis(port, (redis) => redis.role() as Promise<unknown[]>);
  return role === "master";
}
