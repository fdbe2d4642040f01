import { centrifuge, centrifugeRedis } from "./centrifuge.ts";
import { fastapi } from "./fastapi.ts";
import { bareWs, socketio } from "./node.ts";
import { parley, parleyRedis } from "./parley.ts";
import type { Peer } from "./peer.ts";
import { relay } from "./relay.ts";

/** In the order of the tables. */
export const PEERS: readonly Peer[] = [
  relay,
  parley,
  centrifuge,
  socketio,
  bareWs,
  fastapi,
  parleyRedis,
  centrifugeRedis,
];
