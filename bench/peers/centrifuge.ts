import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { CaseName } from "../cases.ts";
import type { Peer } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { startPinnedRedis } from "./redis.ts";

const SOURCE = join(import.meta.dir, "centrifuge");
const BINARY = join(import.meta.dir, "../out/centrifuge");

/** Where its gathering of what one connection is sent pays; see `writeDelay` in centrifuge/main.go. */
const GATHERS: readonly CaseName[] = ["fan-out"];

/** The Go library with its Redis broker. */
export const centrifugeRedis: Peer = {
  name: "centrifuge-redis",
  does: "library github.com/centrifugal/centrifuge 0.40.1, Redis broker, recovery from a history of 10,000 in Redis; JSON; no token, no quota, no id check",
  protocol: "centrifuge",
  async start({ caseName, folder }) {
    await build();
    const redis = await startPinnedRedis(folder);
    try {
      const server = await startPinnedServer({
        command: [BINARY],
        env: { REDIS_ADDRESS: `127.0.0.1:${redis.port}`, GATHER: String(GATHERS.includes(caseName)) },
        folder,
      });
      return {
        ...server,
        storePid: redis.pid,
        target: (user, conversation) => `/connection/websocket?user=${user}&channel=${conversation}`,
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

/** Builds it; the first time, Go downloads what go.sum names. Throws the compiler's words. */
async function build(): Promise<void> {
  await mkdir(join(BINARY, ".."), { recursive: true });
  const go = Bun.spawn(["go", "build", "-o", BINARY, "."], {
    cwd: SOURCE,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = await new Response(go.stderr).text();
  if ((await go.exited) !== 0) throw new Error(`bench/peers/centrifuge was not built:\n${words.trim()}`);
}
