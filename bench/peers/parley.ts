import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Peer, RunningPeer, StartOptions } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { startPinnedRedis } from "./redis.ts";

/** The largest that PLANS takes, more than one run sends, and not 0: the quota is counted exactly as for everybody. */
const PLAN = "bench:1000000:0";

/** Guards against single clients are off, as an operator would set them for a bot; every promise is on. */
const SETTINGS = {
  HOST: "127.0.0.1",
  DATA_DIR: "data",
  PLANS: `free:100:5,${PLAN}`,
  BURST_RATE: "0",
  HANDSHAKES_PER_MINUTE: "0",
  MAX_CONNECTIONS: "20000",
  MAX_CONNECTIONS_PER_ADDRESS: "0",
  INACTIVITY_TIMEOUT: "0",
  DEMO_ACCOUNTS: "false",
  DRAIN_SECONDS: "1",
  LOG_LEVEL: "warn",
};

/** Longer than any run, in seconds. */
const TOKEN_LIFETIME = 3600;

/** This server, embedded engine, started as `npm start` does. */
export const parley: Peer = {
  name: "parley",
  does: "signed token, exact hourly quota, id check, stored in SQLite before the ack, numbered, ack and message",
  protocol: "parley",
  start: (options) => startParley(options),
};

/** The same on Redis, as one of many nodes would run. */
export const parleyRedis: Peer = {
  name: "parley-redis",
  does: "as parley, but stored, numbered and counted in Redis, as one of many nodes",
  protocol: "parley",
  async start(options) {
    const redis = await startPinnedRedis(options.folder);
    try {
      const server = await startParley(options, { REDIS_URL: `redis://127.0.0.1:${redis.port}` });
      return {
        ...server,
        storePid: redis.pid,
        async [Symbol.asyncDispose]() {
          await server[Symbol.asyncDispose]();
          await redis[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      await redis[Symbol.asyncDispose]();
      throw error;
    }
  },
};

async function startParley(
  { folder, profile }: StartOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
  const secret = randomBytes(32).toString("base64url");
  const profiling = profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-md", `--cpu-prof-dir=${profile}`];
  const main = join(import.meta.dir, "../../src/cli/main.ts");
  const server = await startPinnedServer({
    command: [process.execPath, "--no-env-file", ...profiling, main, "serve"],
    env: { ...SETTINGS, SECRET_KEY: secret, ...env },
    folder,
  });
  return {
    ...server,
    target: (user, conversation) => `/ws/${user}/${conversation}?token=${sign(user, secret)}`,
  };
}

/** A token as an application signs it for its own users: HS256 with SECRET_KEY, the plan in a claim. */
function sign(user: string, secret: string): string {
  const now = Math.floor(Date.now() / 1000);
  const head = encode({ alg: "HS256", typ: "at+jwt" });
  const claims = encode({
    iss: "parley",
    aud: "parley",
    sub: user,
    iat: now,
    exp: now + TOKEN_LIFETIME,
    jti: randomBytes(12).toString("base64url"),
    plan: "bench",
  });
  return `${head}.${claims}.${createHmac("sha256", secret).update(`${head}.${claims}`).digest("base64url")}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
