import type { Channels } from "./connection/channels.ts";
import type { ControlStream } from "./control-stream.ts";
import type { RedisEngine } from "./engine.ts";
import type { NewsStreams } from "./members/news-streams.ts";
import type { RedisLeases } from "./presence/leases.ts";
import type { NodeRegistry } from "./presence/node-registry.ts";
import type { RedisRelay } from "./presence/relay.ts";

/** The parts of a node that must be recovered. A part that is missing is not in use. */
export interface RecoveryDeps {
  readonly channels?: Pick<Channels, "resubscribe">;
  readonly leases?: Pick<RedisLeases, "start">;
  readonly engine?: Pick<RedisEngine, "catchUp">;
  readonly nodes?: Pick<NodeRegistry, "reassert">;
  readonly relay?: Pick<RedisRelay, "catchUp">;
  readonly control?: Pick<ControlStream, "poll">;
  readonly news?: Pick<NewsStreams, "poll">;
}

/**
 * Recovers a node when Redis accepts writes again after it was unavailable (RedisClient). The node is ready, and clients get
 * `recovered`, only after all steps. Rejects if Redis becomes unavailable again; then all steps must be repeated.
 */
export async function recover(deps: RecoveryDeps): Promise<void> {
  const { channels, leases, engine, nodes, relay, control, news } = deps;
  // From here on no announcement of another node is missed.
  await Promise.all([channels?.resubscribe(), leases?.start()]);
  // Delivers the messages that were missed to all subscribers, or reports that messages are lost.
  await engine?.catchUp();
  // The lease of this node, and under it its users and its connections.
  await nodes?.reassert();
  // Joins, leaves and read marks of other nodes.
  await relay?.catchUp();
  // Changed accounts and revocations.
  await control?.poll();
  // Changed facts and members.
  await news?.poll();
}
