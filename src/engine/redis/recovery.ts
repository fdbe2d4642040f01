import type { Channels } from "./connection/channels.ts";
import type { ControlStream } from "./control-stream.ts";
import type { RedisEngine } from "./engine.ts";
import type { RedisLeases } from "./presence/leases.ts";
import type { NodeRegistry } from "./presence/node-registry.ts";
import type { RedisRelay } from "./presence/relay.ts";

/** What has to be recovered; a part that is missing is not in use. */
export interface RecoveryDeps {
  readonly channels?: Pick<Channels, "resubscribe">;
  readonly leases?: Pick<RedisLeases, "start">;
  readonly engine?: Pick<RedisEngine, "catchUp">;
  readonly nodes?: Pick<NodeRegistry, "reassert">;
  readonly relay?: Pick<RedisRelay, "catchUp">;
  readonly control?: Pick<ControlStream, "poll">;
}

/**
 * What a node does when Redis was away and takes its writes again (RedisClient). Only when all of it is done the node is
 * ready, and clients get `recovered`. It rejects when Redis is away again meanwhile; then all of it is done once more.
 */
export async function recover(deps: RecoveryDeps): Promise<void> {
  const { channels, leases, engine, nodes, relay, control } = deps;
  // From here on no announcement of another node is missed.
  await Promise.all([channels?.resubscribe(), leases?.start()]);
  // Delivers the messages that were missed to all subscribers, or reports that messages are lost.
  await engine?.catchUp();
  // The lease of this node, and under it its users and its connections.
  await nodes?.reassert();
  // Joins, leaves and read marks of other nodes.
  await relay?.catchUp();
  // Accounts that changed, and what was revoked.
  await control?.poll();
}
