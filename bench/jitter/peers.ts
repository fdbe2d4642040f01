import { join } from "node:path";
import { parley } from "../peers/parley.ts";
import type { RunningPeer, StartOptions } from "../peers/peer.ts";
import { startPinnedServer } from "../peers/pinned-server.ts";

/** A server with a client of its own, as far as the jitter case has to do with them. */
export interface JitterPeer {
  readonly name: string;
  /** What it does about a lost line, for the table's reader. */
  readonly does: string;
  start(options: Pick<StartOptions, "folder">): Promise<RunningPeer>;
  /** Runs its clients; the job comes as one more argument. */
  readonly clients: readonly string[];
}

const SOCKETIO = join(import.meta.dir, "../peers/socketio");

export const JITTER_PEERS: readonly JitterPeer[] = [
  {
    name: "parley",
    does: "client library `src/client`, as it comes: resumes after the newest message it has",
    start: (options) => parley.start({ ...options, caseName: "jitter" }),
    clients: [process.execPath, "--no-env-file", join(import.meta.dir, "parley-clients.ts")],
  },
  socketio("socket.io", "Socket.IO 4.8 on Node with its own client: reconnects, and joins its room again"),
  socketio(
    "socket.io-recovery",
    "the same with `connectionStateRecovery` of two minutes: the server keeps sessions and their packets in memory",
    "recovery",
  ),
];

function socketio(name: string, does: string, ...mode: string[]): JitterPeer {
  return {
    name,
    does,
    async start({ folder }) {
      const server = await startPinnedServer({
        command: ["node", join(SOCKETIO, "server.mjs"), ...mode],
        env: {},
        folder,
      });
      return { ...server, target: () => "/" };
    },
    clients: ["node", join(SOCKETIO, "clients.mjs")],
  };
}

/** Installs what the peers need beside Parley, once. Throws a line for people when it cannot. */
export async function installSocketio(): Promise<void> {
  if (await Bun.file(join(SOCKETIO, "node_modules/socket.io/package.json")).exists()) return;
  for (const program of ["node", "npm"])
    if (Bun.which(program) === null) throw new Error(`the jitter case runs Socket.IO: it needs ${program}.`);
  const npm = Bun.spawn(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: SOCKETIO,
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await npm.exited) !== 0) throw new Error("npm could not install bench/peers/socketio.");
}
