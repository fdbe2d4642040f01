import { type ActivityAnswer, gatherActivity } from "../../core/activity/node-activity.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Engine } from "../../core/ports/engine.ts";
import type { Store } from "../../core/ports/store.ts";
import type { EventFeed } from "../feed/event-feed.ts";
import { readFeedLags } from "../feed/read-lags.ts";
import { countConnections } from "../metrics/count-connections.ts";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import type { Settings } from "../settings/settings.ts";
import { storeKindOf } from "../settings/store-kind.ts";
import type { ConnectionRegistry } from "../socket/connection-registry.ts";
import type { Hub } from "../socket/conversation/hub.ts";
import type { MessageCounters } from "../socket/message-counters.ts";
import { ActivityRecorder } from "./activity-recorder.ts";
import type { WatchedConnection } from "./slow-readers.ts";

export interface ActivityDeps extends Pick<Store, "activityBoard" | "nodes" | "feed" | "webhooks"> {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly metrics?: ServerMetrics | undefined;
}

/** The parts of the server whose numbers are read. */
export interface WatchedParts {
  readonly engine: Engine;
  readonly hub: Hub;
  readonly registry: ConnectionRegistry<WatchedConnection>;
  readonly counts: MessageCounters;
  readonly streams: { readonly writers: { readonly size: number } };
  readonly eventFeed: EventFeed;
  readonly startedAt: number;
  readonly url: () => string;
}

export interface RunningActivity {
  /** Returns what all nodes do at the moment. */
  answer(): Promise<ActivityAnswer>;
  stop(): void;
}

/** Begins to share what the server does while somebody watches, and lets the metrics read it. */
export function startActivity(deps: ActivityDeps, parts: WatchedParts): RunningActivity {
  const { activityBoard: board, settings, version, clock, metrics } = deps;
  const { engine, hub, registry, counts, streams, eventFeed, startedAt, url } = parts;
  const readFeed = () => readFeedLags({ ...deps, unreadAfter: settings.unreadAfter * 1000 });
  const counted = () => ({
    openConversations: hub.openConversations().length,
    openStreams: streams.writers.size,
    isStoreUp: engine.allWritable(),
  });
  metrics?.watch(
    () => ({ ...countConnections(registry.all()), ...counted(), messages: counts.sinceStart() }),
    readFeed,
  );
  const recorder = new ActivityRecorder({
    ...{ clock, startedAt, counts, readFeed },
    connections: () => registry.all(),
    connectionsIn: (conversation) => hub.find(conversation)?.liveCount ?? 0,
    facts: () => {
      const { openConversations, openStreams, isStoreUp } = counted();
      const { lag } = board;
      return {
        ...{ url: url(), version, engine: storeKindOf(settings) },
        ...{ open_conversations: openConversations, open_streams: openStreams },
        event_readers: eventFeed.waitingReaders,
        store: { up: isStoreUp, ...(lag !== undefined && { lag: Math.round(lag) / 1000 }) },
      };
    },
  });
  const stopSharing = board.serve({ watch: () => recorder.watch(), read: () => recorder.read() });
  return {
    async answer() {
      // Asked first: the other nodes begin to count while this one waits for its first numbers.
      const reading = Promise.all([board.others(), deps.nodes()]).catch((error) => {
        if (engine.isUnavailable(error)) return [[], undefined] as const;
        throw error;
      });
      const own = await recorder.next();
      const [others, shared] = await reading;
      const alive = shared?.nodes.filter(({ until }) => until > shared.now).map(({ id }) => id) ?? [];
      const here =
        own === undefined ? [] : [{ ...own, ...(board.node !== undefined && { node: board.node }) }];
      return gatherActivity([...here, ...others], alive, clock.wall());
    },
    stop() {
      stopSharing();
      recorder.stop();
    },
  };
}
