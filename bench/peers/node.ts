import { join } from "node:path";
import { installPackages } from "./node-packages.ts";
import type { Peer, Protocol } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";
import { createSigner } from "./token.ts";

export const socketio: Peer = onNode({
  name: "socket.io",
  does: "Socket.IO 4.8.4 on Node, WebSocket alone, rooms and acknowledgements; HS256 token; numbered in memory; nothing is stored, no quota, no id check",
  folder: "socketio",
  protocol: "socket.io",
  target: (conversation, token) =>
    `/socket.io/?EIO=4&transport=websocket#${JSON.stringify({ token, room: conversation })}`,
});

export const bareWs: Peer = onNode({
  name: "ws",
  does: "library ws 8.23.0 on Node with Parley's frames, encoded once for a room; HS256 token; numbered in memory; nothing is stored, no quota, no id check",
  folder: "ws",
  protocol: "parley",
  target: (conversation, token) => `/${conversation}?token=${token}`,
});

interface NodePeer {
  readonly name: string;
  readonly does: string;
  /** In this folder, with `server.mjs`, `package.json` and a lock file. */
  readonly folder: string;
  readonly protocol: Protocol;
  target(conversation: string, token: string): string;
}

function onNode({ name, does, folder, protocol, target }: NodePeer): Peer {
  const source = join(import.meta.dir, folder);
  return {
    name,
    does,
    protocol,
    async start({ folder }) {
      await installPackages(source);
      const signer = createSigner();
      const server = await startPinnedServer({
        command: ["node", join(source, "server.mjs")],
        env: { NODE_ENV: "production", SECRET_KEY: signer.key },
        folder,
      });
      return { ...server, target: (user, conversation) => target(conversation, signer.sign(user)) };
    },
  };
}
