import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { LOAD_CORE } from "../cores.ts";
import type { RunningPeer } from "./peer.ts";

export interface PinnedRedis extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** An empty Redis on the load generator's core; it writes nothing to disk, so that the disk is not measured. */
export async function startPinnedRedis(folder: string): Promise<PinnedRedis> {
  if (Bun.which("redis-server") === null)
    throw new Error("the peers with Redis need redis-server: sudo apt-get install redis-server");
  const port = await freePort();
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const output = Bun.file(join(folder, "redis.log"));
  const redis = Bun.spawn(["taskset", "--cpu-list", LOAD_CORE, "redis-server", ...words], {
    cwd: folder,
    stdin: "ignore",
    stdout: output,
    stderr: output,
  });
  const stop = async () => {
    redis.kill("SIGKILL");
    await redis.exited;
  };
  const answers = (text: string) => /Ready to accept connections/i.test(text);
  for (const deadline = Date.now() + 10_000; !answers(await output.text()); await Bun.sleep(20)) {
    if (redis.exitCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`redis-server did not start:\n${await output.text()}`);
  }
  return { port, pid: redis.pid, [Symbol.asyncDispose]: stop };
}

/** Has `start` start a peer on an empty Redis at `address` (host and port), which ends with the peer. */
export async function withPinnedRedis(
  folder: string,
  start: (address: string) => Promise<RunningPeer>,
): Promise<RunningPeer> {
  const redis = await startPinnedRedis(folder);
  try {
    const peer = await start(`127.0.0.1:${redis.port}`);
    return {
      ...peer,
      storePid: redis.pid,
      async [Symbol.asyncDispose]() {
        await peer[Symbol.asyncDispose]();
        await redis[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await redis[Symbol.asyncDispose]();
    throw error;
  }
}
