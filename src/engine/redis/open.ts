import type { SharedActivity } from "../../core/activity/node-activity.ts";
import type { RetentionLimits } from "../../core/conversation/retention.ts";
import type { Emit } from "../../core/events/events.ts";
import { DEFAULT_FEED_RETENTION, type FeedRetention } from "../../core/feed/retention.ts";
import type { ChosenRetention } from "../../core/migration/retention.ts";
import type { ApiKeyStore } from "../../core/ports/access/api-keys.ts";
import type { AccountStore } from "../../core/ports/accounts.ts";
import type { WebhookStore } from "../../core/ports/feed/webhooks.ts";
import type { RevocationStore } from "../../core/ports/revocations.ts";
import type { SharedNodes, SigningKeyStore, Store } from "../../core/ports/store.ts";
import type { StreamRules } from "../../core/streams/draft.ts";
import { RedisAccounts } from "./accounts/accounts.ts";
import { RedisApiKeys } from "./accounts/api-keys.ts";
import { RedisRefreshFamilies } from "./accounts/refresh-families.ts";
import { RedisRevocations } from "./accounts/revocations.ts";
import { RedisSigningKeys } from "./accounts/signing-keys.ts";
import { RedisThrottle } from "./accounts/throttle.ts";
import { RedisTickets } from "./accounts/tickets.ts";
import { Channels } from "./connection/channels.ts";
import { type ConnectOptions, connect, connectInSteps } from "./connection/connect.ts";
import { checkRequirements } from "./connection/requirements.ts";
import { type ControlListener, ControlStream } from "./control-stream.ts";
import { REPLICA_TIMEOUT_MS, RedisEngine } from "./engine.ts";
import { RedisFeed } from "./feed/feed.ts";
import { RedisWebhooks } from "./feed/webhooks.ts";
import { measureRedis } from "./measure.ts";
import { KnownMembers } from "./members/known-members.ts";
import { RedisMembers } from "./members/members.ts";
import { NewsStreams } from "./members/news-streams.ts";
import { rejectForgottenRetention } from "./migration/moved.ts";
import { RedisPersons } from "./person/persons.ts";
import { RedisActivityBoard, readSharedActivity } from "./presence/activity-board.ts";
import { RedisLeases } from "./presence/leases.ts";
import { NodeRegistry } from "./presence/node-registry.ts";
import { RedisRelay } from "./presence/relay.ts";
import { recover } from "./recovery.ts";
import { redisTasks } from "./shared-tasks.ts";

export interface RedisOptions extends ConnectOptions {
  /** Called with the seconds that each batch took. */
  readonly observeBatch?: ((seconds: number) => void) | undefined;
  /** How long a node that does not renew its lease counts as alive, in milliseconds. */
  readonly leaseMs: number;
  /** Where a message must be stored before it is acknowledged (D2). */
  readonly ackAfter: "primary" | "replica";
  /** How long messages are kept in conversations without limits of their own. */
  readonly retention: RetentionLimits;
  /** What of it an operator has set. With it, a store that was moved here is not opened where a default would remove messages of it. */
  readonly chosenRetention?: ChosenRetention;
  /** How long events are kept. Without it, as DEFAULT_FEED_RETENTION says. */
  readonly feedRetention?: FeedRetention;
  /** Without them, those of `DEFAULT_STREAM_RULES`. */
  readonly streamRules?: StreamRules;
  /** For how long users may edit and erase their own messages, in milliseconds; 0 without an end, which is also without it. */
  readonly editWithin?: number;
  /** How often Redis may be asked to rewrite its append-only file because of erased texts, in milliseconds; 0 for never. */
  readonly rewriteIntervalMs?: number;
}

/**
 * Opens the store on Redis for one of several nodes.
 *
 * Throws StoreUnavailable when Redis cannot be used within the time given, and StoreMisconfigured when Redis is configured
 * so that acknowledged messages could be lost, or the user lacks a permission.
 */
export async function openRedis(options: RedisOptions): Promise<Store> {
  const { leaseMs, ackAfter, retention, streamRules, editWithin, rewriteIntervalMs, clock, emit } = options;
  const { feedRetention = DEFAULT_FEED_RETENTION } = options;
  const { client, step } = await connectInSteps(options);
  try {
    await step(() => checkRequirements(client, emit));
    const { chosenRetention } = options;
    if (chosenRetention !== undefined) await step(() => rejectForgottenRetention(client, chosenRetention));
    if (ackAfter === "replica") client.waitForReplica(REPLICA_TIMEOUT_MS);
    const channels = new Channels(client);
    const runOnOneNode = redisTasks({ client, clock, emit });
    const knownMembers = new KnownMembers();
    const control = new ControlStream(client, clock, emit);
    const feed = new RedisFeed({
      ...{ client, control, clock, emit, runOnOneNode, retention: feedRetention },
      storeEpoch: () => engine.storeEpoch,
      refreshEpoch: () => engine.refreshStoreEpoch(),
    });
    const engine = new RedisEngine({
      client,
      channels,
      emit,
      retention,
      ackAfter,
      clock,
      runOnOneNode,
      knownMembers,
      events: feed,
      observeBatch: options.observeBatch,
      ...(streamRules !== undefined && { streamRules }),
      ...(editWithin !== undefined && { editWithin }),
      ...(rewriteIntervalMs !== undefined && { rewriteIntervalMs }),
    });
    await step(() => engine.begin());
    const news = new NewsStreams(client, clock, emit);
    await step(() => news.start());
    const members = new RedisMembers({
      client,
      news,
      known: knownMembers,
      events: feed,
      storeEpoch: () => engine.storeEpoch,
      replicaTimeoutMs: ackAfter === "replica" ? REPLICA_TIMEOUT_MS : undefined,
    });
    await step(() => control.start());
    await step(() => feed.start());
    control.listen(logConversationChanges(emit));
    const nodes = new NodeRegistry({ client, leaseMs, clock, emit });
    const relay = new RedisRelay({ client, channels, nodes, clock, events: feed });
    const leases = new RedisLeases({ client, nodes, clock, emit });
    await step(() => leases.start());
    client.onRecovery(() => recover({ channels, leases, engine, nodes, relay, control, news }));
    await step(() => nodes.start());
    let closing: Promise<void> | undefined;
    const close = async () => {
      await engine.close();
      // The node's lease ends last: after it, other nodes would sweep what this node still holds.
      await relay.close();
      await leases.close();
      await nodes.close();
      control.close();
      news.close();
      await feed.close();
      channels.close();
      await client.close();
    };
    return {
      engine,
      members,
      feed,
      persons: new RedisPersons({
        ...{ client, feed, clock, members, eraser: engine.eraser, sweep: () => engine.clean() },
      }),
      accounts: new RedisAccounts(client, control, emit),
      apiKeys: new RedisApiKeys(client, control),
      webhooks: new RedisWebhooks(client, control),
      revocations: new RedisRevocations(client, control, emit),
      refreshTokens: new RedisRefreshFamilies(client, clock),
      signingKeys: new RedisSigningKeys(client),
      relay,
      leases,
      runOnOneNode,
      tickets: () => new RedisTickets(client),
      throttle: (limits) => new RedisThrottle(client, limits),
      announceNode: (facts) => nodes.serving(facts),
      nodes: () => NodeRegistry.read(client),
      activityBoard: new RedisActivityBoard(client, clock),
      measure: () => measureRedis(client),
      async applyRetention() {
        await engine.clean();
        await feed.trim();
      },
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Logs the changes that commands make to conversations. The engine notifies their members (`watchEpoch`). */
function logConversationChanges(emit: Emit): ControlListener {
  return {
    onEvents(events) {
      for (const event of events)
        if ("conversation" in event)
          emit(event.change === "removed" ? "conversation.removed" : "conversation.changed", {
            conversation: event.conversation,
          });
    },
    onMissed() {},
  };
}

/** Opens the accounts, API keys, webhooks, revocations and digests of signing keys, which all nodes share, for a command. */
export async function openRedisAccounts(options: ConnectOptions): Promise<{
  accounts: AccountStore;
  apiKeys: ApiKeyStore;
  webhooks: WebhookStore;
  revocations: RevocationStore;
  signingKeys: SigningKeyStore;
  close(): Promise<void>;
}> {
  const { clock, emit } = options;
  const client = await connect(options);
  // It is not started: a command only writes to the control stream.
  const control = new ControlStream(client, clock, emit);
  return {
    accounts: new RedisAccounts(client, control, emit),
    apiKeys: new RedisApiKeys(client, control),
    webhooks: new RedisWebhooks(client, control),
    revocations: new RedisRevocations(client, control, emit),
    signingKeys: new RedisSigningKeys(client),
    close: () => client.close(),
  };
}

/** Returns the nodes that share the store, and the store's time, for a command. */
export async function readRedisNodes(options: ConnectOptions): Promise<SharedNodes> {
  const client = await connect(options);
  try {
    return await NodeRegistry.read(client);
  } finally {
    await client.close();
  }
}

/** Opens what the nodes share of their activity, for a command that watches. */
export async function openRedisActivity(options: ConnectOptions): Promise<{
  readonly description: string;
  read(): Promise<{ readonly shared: readonly SharedActivity[] } & SharedNodes>;
  close(): Promise<void>;
}> {
  const client = await connect(options);
  return {
    description: client.description,
    async read() {
      const [shared, nodes] = await Promise.all([readSharedActivity(client), NodeRegistry.read(client)]);
      return { shared, ...nodes };
    },
    close: () => client.close(),
  };
}
