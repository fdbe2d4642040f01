import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Peer, RunningPeer, StartOptions } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { withPinnedRedis } from "./redis.ts";
import { createSigner } from "./token.ts";

const SOURCE = join(import.meta.dir, "centrifuge");
const BINARY = join(import.meta.dir, "../out/centrifuge");

/**
 * Number of members from which batching the frames of one connection pays off; see `writeDelay` in centrifuge/main.go.
 */
const WRITE_DELAY_MIN_MEMBERS = 100;

const LIBRARY = "library github.com/centrifugal/centrifuge 0.40.1";
const NOT_OFFERED = "JSON; HS256 token; no quota, no id check";

/** The Go library, everything in its own memory. */
export const centrifuge: Peer = {
  name: "centrifuge",
  does: `${LIBRARY}, recovery from a history of 10,000 in its own memory, lost when it ends; ${NOT_OFFERED}`,
  protocol: "centrifuge",
  start: (options) => startCentrifuge(options),
};

/** The same with its Redis broker. */
export const centrifugeRedis: Peer = {
  name: "centrifuge-redis",
  does: `${LIBRARY}, Redis broker, recovery from a history of 10,000 in Redis; ${NOT_OFFERED}`,
  protocol: "centrifuge",
  start: (options) =>
    withPinnedRedis(options.folder, (address) => startCentrifuge(options, { REDIS_ADDRESS: address })),
};

/** Starts the library's server, with more of its environment where it is given; see centrifuge/main.go. */
export async function startCentrifuge(
  { members, rate, folder }: StartOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
  await build();
  const signer = createSigner();
  const delaysWrites = members >= WRITE_DELAY_MIN_MEMBERS && rate === undefined;
  const server = await startPinnedServer({
    command: [BINARY],
    env: { SECRET_KEY: signer.key, GATHER: String(delaysWrites), ...env },
    folder,
  });
  return {
    ...server,
    target: (user, conversation) =>
      `/connection/websocket?token=${signer.sign(user)}&channel=${conversation}`,
  };
}

/** Builds it; the first time, Go downloads the modules of go.sum. Throws the compiler's output. */
async function build(): Promise<void> {
  await mkdir(join(BINARY, ".."), { recursive: true });
  const go = Bun.spawn(["go", "build", "-o", BINARY, "."], {
    cwd: SOURCE,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const compilerOutput = await new Response(go.stderr).text();
  if ((await go.exited) !== 0)
    throw new Error(`bench/peers/centrifuge was not built:\n${compilerOutput.trim()}`);
}
