import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";

/** The program; REDIS_SERVER=/path/of/valkey-server lets all tests run on another one. */
export const REDIS_SERVER = process.env.REDIS_SERVER ?? "redis-server";

/** A real Redis of one's own, on any free port of this machine; it keeps nothing on disk unless asked to. */
export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** The folder of its files. */
  readonly folder: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** `SIGSTOP`: it stands still, and its connections stay open; `SIGCONT`: it goes on. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Starts it again on the same port, with the data it kept on disk. */
  restart(): Promise<void>;
}

/** Starts redis-server with `options` as on its command line: `["--appendonly", "yes"]`. */
export async function startRedis(options: readonly string[] = [], port?: number): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "parley-redis-"));
  const chosen = port ?? (await freePort());
  const start = async () => {
    const process_ = Bun.spawn(
      [
        REDIS_SERVER,
        "--port",
        String(chosen),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        folder,
        ...options,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    const deadline = Date.now() + 60_000;
    while (!(await accepts(chosen))) {
      if (process_.exitCode !== null || Date.now() > deadline)
        throw new Error(`${REDIS_SERVER} did not start on port ${chosen}. Is it installed?`);
      await Bun.sleep(20);
    }
    return process_;
  };
  let running = await start();
  const kill = async () => {
    running.kill("SIGKILL");
    await running.exited;
  };
  return {
    port: chosen,
    url: `redis://127.0.0.1:${chosen}`,
    folder,
    kill,
    signal: (name) => running.kill(name),
    async restart() {
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether something listens on `port` of this machine. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
