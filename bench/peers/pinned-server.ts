import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { SERVER_CORE } from "../cores.ts";
import type { RunningPeer } from "./peer.ts";

/** How long a server may take to reply to its first request, and to stop. */
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 15_000;

export interface PinnedServerOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its current folder, which gets its output. Empty, so that no `.env` is measured. */
  readonly folder: string;
  /** As `taskset` names them; SERVER_CORE where it is not given. */
  readonly cores?: string;
  /** What it answers with a success when it is ready; `/readyz` where it is not given. */
  readonly readyPath?: string;
}

export type PinnedServer = Omit<RunningPeer, "target">;

/** Starts a server with all its threads on the given cores; it gets `PORT` and must serve `readyPath`. */
export async function startPinnedServer(options: PinnedServerOptions): Promise<PinnedServer> {
  const port = await freePort();
  const output = Bun.file(join(options.folder, "output.log"));
  const server = Bun.spawn(["taskset", "--cpu-list", options.cores ?? SERVER_CORE, ...options.command], {
    cwd: options.folder,
    // Only the names here: a setting left in the shell would change the result.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env, PORT: String(port) },
    stdin: "ignore",
    stdout: output,
    stderr: output,
  });
  const stop = async () => {
    server.kill("SIGTERM");
    const killTimer = setTimeout(() => server.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await server.exited;
    clearTimeout(killTimer);
  };
  const lastOutput = async () => (await output.text()).trim().split("\n").slice(-10).join("\n");
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(port, options.readyPath ?? "/readyz"))) {
    if (server.exitCode === null && Date.now() < deadline) {
      await Bun.sleep(50);
      continue;
    }
    await stop();
    throw new Error(`${options.command.join(" ")} did not start:\n${await lastOutput()}`);
  }
  return { port, pid: server.pid, lastOutput, [Symbol.asyncDispose]: stop };
}

async function isReady(port: number, path: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).ok;
  } catch {
    return false;
  }
}
