import { join } from "node:path";
import type { Peer, RunningPeer, StartOptions } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { withPinnedRedis } from "./redis.ts";
import { createSigner } from "./token.ts";

/**
 * The largest limit that PLANS accepts, more than one run sends, and not 0: the quota is counted exactly as for every
 * user.
 */
const BENCH_PLAN = "bench:1000000:0";

/** Guards against single clients are off, as an operator would set them for a bot; every promise is on. */
const SETTINGS = {
  HOST: "127.0.0.1",
  DATA_DIR: "data",
  PLANS: `free:100:5,${BENCH_PLAN}`,
  BURST_RATE: "0",
  HANDSHAKES_PER_MINUTE: "0",
  MAX_CONNECTIONS: "20000",
  MAX_CONNECTIONS_PER_ADDRESS: "0",
  INACTIVITY_TIMEOUT: "0",
  SIGNINS_PER_MINUTE: "0",
  DRAIN_SECONDS: "1",
  LOG_LEVEL: "warn",
};

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
  start: (options) =>
    withPinnedRedis(options.folder, (address) => startParley(options, { REDIS_URL: `redis://${address}` })),
};

/** Starts this server as an operator would for a bot, with more settings where they are given. */
export async function startParley(
  { folder, profile, cores, accounts = false }: StartOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
  const signer = createSigner();
  const profiling = profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-md", `--cpu-prof-dir=${profile}`];
  const main = join(import.meta.dir, "../../src/cli/main.ts");
  const server = await startPinnedServer({
    command: [process.execPath, "--no-env-file", ...profiling, main, "serve"],
    env: { ...SETTINGS, DEMO_ACCOUNTS: String(accounts), SECRET_KEY: signer.key, ...env },
    folder,
    ...(cores !== undefined && { cores }),
  });
  return {
    ...server,
    target: (user, conversation) => `/ws/${user}/${conversation}?token=${signer.sign(user)}`,
  };
}
