import { join } from "node:path";
import { LOAD_CORE } from "../cores.ts";
import { freePort } from "./pinned-server.ts";

export interface PinnedRedis extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** An empty Redis on the load's core; it writes nothing to disk, so that what is measured is not the disk. */
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
