import type { StopTask } from "../../core/ports/shared-tasks.ts";
import { type StartWebhooksDeps, startWebhooks } from "../webhooks/start.ts";
import type { EventFeed } from "./event-feed.ts";
import { type PresentIn, type StartRemindersDeps, startReminders } from "./unread-reminders.ts";

/** Begins what the server itself reads the feed for: webhooks, and `message.unread`. Returns a function that stops it. */
export function startFeedReaders(
  deps: StartWebhooksDeps & StartRemindersDeps,
  events: Pick<EventFeed, "ask">,
  present: PresentIn,
): StopTask {
  const stops = [startWebhooks(deps, events), startReminders(deps, present)];
  return async () => {
    for (const stop of stops) await stop();
  };
}
