import type { Relay, RelayRoom } from "../../core/relay.ts";

const NOBODY: ReadonlyMap<string, number> = new Map();

// One for all conversations, so that none holds one of its own.
const ALONE: RelayRoom = {
  isShared: false,
  elsewhere: () => NOBODY,
  join: (_, since) => since,
  leave: (_, at) => at,
  type() {},
  read() {},
  close() {},
};

/** The relay port for one node: there is no other to tell. */
export const LOCAL_RELAY: Relay = { open: async () => ALONE, present: async () => NOBODY };
