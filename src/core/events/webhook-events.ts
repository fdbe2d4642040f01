import type { EventDefinitions } from "./definition.ts";

/** Events of webhooks (docs/protocol/WEBHOOKS.md). */
export const WEBHOOK_EVENTS = {
  "webhook.failing": {
    level: "warn",
    fields: ["webhook", "webhook_event", "reason"],
    text: "the receiver of a webhook did not accept an event. It is tried again by the schedule, or at once after `parley webhook resume`; the next line comes when it was paused, ended or has recovered",
  },
  "webhook.recovered": {
    level: "info",
    fields: ["webhook"],
    text: "the receiver of a webhook has accepted all that had failed",
  },
  "webhook.paused": {
    level: "error",
    fields: ["webhook", "reason"],
    text: "an event was tried ten times in three days, or its receiver asked for pauses for more than three days: nothing is sent to the webhook any more. When its receiver works, run `parley webhook resume`; events are kept for `RETENTION_EVENT_DAYS`",
    urgent: true,
  },
  "webhook.ended": {
    level: "warn",
    fields: ["webhook"],
    text: "the receiver of a webhook answered 410: it wants no more events",
  },
} as const satisfies EventDefinitions;
