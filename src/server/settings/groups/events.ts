import { boolean, integer, seconds } from "../parsers.ts";
import type { Setting } from "../setting.ts";

/** The settings of the feed of events, as a part of the table. */
export const EVENT_SETTINGS = {
  RETENTION_EVENT_DAYS: {
    group: "Events",
    kind: integer("days", 1, 3650),
    about: "days for which events are kept for their readers (GET /events, webhooks)",
    default: "7",
    reason: "a back end that is repaired over a weekend misses nothing",
  },
  RETENTION_EVENT_BYTES: {
    group: "Events",
    kind: integer("bytes", 1024 * 1024, Number.MAX_SAFE_INTEGER),
    about: "bytes that events may take in the store; beyond them the oldest ones are removed early",
    default: "1073741824",
  },
  WEBHOOK_ALLOW_PRIVATE: {
    group: "Events",
    kind: boolean,
    about: "webhooks may be sent to addresses of private networks and of this machine, and to these by http",
    default: "false",
    reason: "a program that may add a webhook could otherwise reach what only this machine can reach",
  },
  UNREAD_AFTER: {
    group: "Events",
    kind: seconds(1, 86_400),
    about:
      "if an absent member has not read a message after so many seconds, the event `message.unread` is written",
    default: "60",
  },
} as const satisfies Record<string, Setting<unknown>>;
