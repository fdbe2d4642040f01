import type { RedisClient } from "./connection/client.ts";
import { type ConnectOptions, connect } from "./connection/connect.ts";
import { newEpoch } from "./connection/epoch.ts";
import { scanConversations } from "./messages/scan-conversations.ts";
import { NodeRegistry } from "./presence/node-registry.ts";

/**
 * How long the nodes of a Cluster may take to read the store's epoch, in milliseconds (`Feeds.check`). Until then they create
 * new conversations with the old epoch.
 */
const NODE_EPOCH_DELAY_MS = 2_000;

/**
 * Begins a new epoch of the store, after an older copy of it was restored: clients learn that messages which they have seen may
 * be gone (D5). Nodes may run meanwhile; they notify their clients within seconds. If this is interrupted, it must be repeated.
 * Throws if there is no store under the prefix. Returns the epoch.
 */
export async function beginRedisEpoch(options: ConnectOptions): Promise<string> {
  const client = await connect(options);
  try {
    if (!(await holdsAnything(client)))
      throw new Error(
        `${client.description} holds no store under the prefix ${options.prefix}: correct REDIS_HOST, REDIS_URL or REDIS_PREFIX.`,
      );
    return await beginEpoch(client);
  } finally {
    await client.close();
  }
}

/** Does the same through an open client. */
export async function beginEpoch(client: RedisClient): Promise<string> {
  const { commands, keys } = client;
  const epoch = newEpoch();
  // Written before the loop, so that conversations which are created during the loop already have it.
  await commands.set(keys.globalKey("epoch"), epoch);
  if (client.isCluster && (await hasNodes(client))) await Bun.sleep(NODE_EPOCH_DELAY_MS);
  for await (const conversations of scanConversations(client, "meta"))
    await Promise.all(conversations.map((id) => commands.hset(keys.conversationKey(id, "meta"), { epoch })));
  return epoch;
}

async function hasNodes(client: RedisClient): Promise<boolean> {
  const { nodes, now } = await NodeRegistry.read(client);
  return nodes.some(({ until }) => until > now);
}

async function holdsAnything(client: RedisClient): Promise<boolean> {
  if ((await client.commands.exists(client.keys.globalKey("epoch"))) === 1) return true;
  for await (const conversations of scanConversations(client, "meta"))
    if (conversations.length > 0) return true;
  return false;
}
