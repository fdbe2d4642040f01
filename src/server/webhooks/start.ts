import type { Emit } from "../../core/events/events.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { StopTask } from "../../core/ports/shared-tasks.ts";
import type { Store } from "../../core/ports/store.ts";
import type { EventFeed } from "../feed/event-feed.ts";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import type { Settings } from "../settings/settings.ts";
import { sendWebhooks } from "./sender.ts";
import { WebhookClient } from "./webhook-client.ts";

export interface StartWebhooksDeps
  extends Pick<Store, "webhooks" | "feed" | "engine" | "members" | "runOnOneNode"> {
  readonly settings: Pick<Settings, "webhookAllowPrivate">;
  readonly version: string;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly metrics?: ServerMetrics | undefined;
}

/** Begins to send webhooks where this server is the one of all nodes that does. Returns a function that stops it. */
export function startWebhooks(deps: StartWebhooksDeps, events: Pick<EventFeed, "ask">): StopTask {
  const { webhooks, feed, engine, members, runOnOneNode, settings, version, clock, emit, metrics } = deps;
  return sendWebhooks({
    ...{ webhooks, feed, runOnOneNode, clock, emit },
    content: { engine, members },
    client: new WebhookClient({ allowPrivate: settings.webhookAllowPrivate, version }),
    ask: (types) => events.ask(types),
    ...(metrics && {
      onAttempt: (isAccepted: boolean) => metrics.webhookAttempted(isAccepted ? "delivered" : "failed"),
    }),
  });
}
