import { join } from "node:path";
import { installPackages } from "../peers/node-packages.ts";
import { parley } from "../peers/parley.ts";
import type { RunningPeer, StartOptions } from "../peers/peer.ts";
import { startPinnedServer } from "../peers/pinned-server.ts";

/** A server with a client of its own, as far as the jitter case has to do with them. */
export interface JitterPeer {
  readonly name: string;
  /** How it handles a lost connection, for the table's reader. */
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
    start: (options) => parley.start({ ...options, members: 21 }),
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
        command: ["node", join(SOCKETIO, "jitter-server.mjs"), ...mode],
        env: {},
        folder,
      });
      return { ...server, target: () => "/" };
    },
    clients: ["node", join(SOCKETIO, "jitter-clients.mjs")],
  };
}

/** Installs the dependencies of the peers other than Parley, once. Throws one readable line when it cannot. */
export function installSocketio(): Promise<void> {
  return installPackages(SOCKETIO);
}
