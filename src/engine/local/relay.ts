import type { Relay, RelayRoom } from "../../core/ports/relay.ts";

const NO_USERS: ReadonlyMap<string, number> = new Map();

// One object for all conversations, to save memory for each.
const LOCAL_ROOM: RelayRoom = {
  isShared: false,
  reportsLeaves: false,
  remoteMembers: () => NO_USERS,
  join: (_, since) => since,
  leave: (_, at) => at,
  sendTyping() {},
  sendReadMark() {},
  close() {},
};

/** The relay port for one node. It sends nothing, because there is no other node. */
export const LOCAL_RELAY: Relay = { open: async () => LOCAL_ROOM, present: async () => NO_USERS };
