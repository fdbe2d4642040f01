import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { startPinnedServer } from "./pinned-server.ts";

/** The control row: the same runtime and the same socket calls without our code. Nothing built on it can be faster. */
export const relay: Peer = {
  name: "relay",
  does: "bare Bun.serve: no sign-in, frames are passed on unparsed, nothing is numbered, kept, counted or acked",
  protocol: "none",
  async start({ members, folder }) {
    const mode = members > 1 ? "publish" : "echo";
    const server = await startPinnedServer({
      command: [process.execPath, "--no-env-file", join(import.meta.dir, "relay-server.ts"), mode],
      env: {},
      folder,
    });
    return { ...server, target: (_user, conversation) => `/${conversation}` };
  },
};
