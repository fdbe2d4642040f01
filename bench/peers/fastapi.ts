import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { withPinnedRedis } from "./redis.ts";
import { createSigner } from "./token.ts";

const SOURCE = join(import.meta.dir, "fastapi");
const VENV = join(import.meta.dir, "../out/fastapi-venv");

/** As its documents have it for one core: one worker, uvloop and httptools, no access log, no compression. */
const UVICORN = [
  "--loop",
  "uvloop",
  "--http",
  "httptools",
  "--no-access-log",
  "--ws-per-message-deflate",
  "false",
];

/** The stack of the brief that Parley began with. */
export const fastapi: Peer = {
  name: "fastapi",
  does: "the brief's own stack: FastAPI on uvicorn with uvloop, HS256 token, an hourly counter in Redis for the quota; numbered in memory; nothing is stored, no id check, the quota admits twice its limit around the full hour",
  protocol: "parley",
  async start({ folder }) {
    await install();
    const signer = createSigner();
    return withPinnedRedis(folder, async (address) => {
      const server = await startPinnedServer({
        command: [
          ...["/bin/sh", "-c", 'exec "$0" "$@" --port "$PORT"'],
          ...[join(VENV, "bin/uvicorn"), "server:app", "--app-dir", SOURCE, ...UVICORN],
        ],
        env: { SECRET_KEY: signer.key, REDIS_URL: `redis://${address}`, PYTHONDONTWRITEBYTECODE: "1" },
        folder,
      });
      return {
        ...server,
        target: (user, conversation) => `/ws/${user}/${conversation}?token=${signer.sign(user)}`,
      };
    });
  },
};

/** Makes its environment from the lock file, once, and again when that has changed. Throws pip's words. */
async function install(): Promise<void> {
  const lock = await Bun.file(join(SOURCE, "requirements.txt")).text();
  const installed = Bun.file(join(VENV, "installed"));
  if ((await installed.exists()) && (await installed.text()) === lock) return;
  if (Bun.which("python3") === null) throw new Error("the peer fastapi needs python3 with venv.");
  await run(["python3", "-m", "venv", "--clear", VENV]);
  const options = ["--quiet", "--disable-pip-version-check", "--require-hashes"];
  await run([join(VENV, "bin/pip"), "install", ...options, "-r", join(SOURCE, "requirements.txt")]);
  await Bun.write(installed, lock);
}

async function run(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { stdout: "ignore", stderr: "pipe" });
  const errorOutput = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed:\n${errorOutput.trim()}`);
}
