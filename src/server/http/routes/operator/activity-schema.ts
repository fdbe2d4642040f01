// The schema of what all servers do at the moment; core/activity/node-activity.ts explains the fields.
import { z } from "zod";
import type { VerbSchemas } from "../../schemas/verb-schemas.ts";

const Moment = z.int().min(0);
const Duration = z.number().min(0);
const Count = z.int().min(0);
const Rate = z.number().min(0);
const Quantiles = z.strictObject({ p50: Duration, p99: Duration, max: Duration });

const Node = z.strictObject({
  /** Missing on the embedded store, which has one server. */
  node: z.string().optional(),
  url: z.string(),
  version: z.string(),
  engine: z.enum(["embedded", "redis"]),
  /** When these numbers were read. */
  at: Moment,
  uptime: Duration,
  /** Over how long acks, the delay of the event loop and what is busiest were counted. */
  window: Duration,
  connections: z.strictObject({ live: Count, opening: Count }),
  open_conversations: Count,
  open_streams: Count,
  /** Requests for events that wait. */
  event_readers: Count,
  per_second: z.strictObject({ messages: Rate, delivered: Rate }),
  ack: Quantiles.optional(),
  loop_delay: Quantiles.optional(),
  memory_bytes: Count,
  /** 1 is a whole core. */
  cpu: z.number().min(0),
  store: z.strictObject({ up: z.boolean(), lag: Duration.optional() }),
  unsent_bytes: Count,
  slow_reader_count: Count,
  busiest_conversations: z.array(
    z.strictObject({ conversation: z.string(), messages: Rate, connections: Count }),
  ),
  busiest_users: z.array(z.strictObject({ user: z.string(), messages: Rate })),
  slow_readers: z.array(
    z.strictObject({
      connection: z.string(),
      user: z.string(),
      conversation: z.string().optional(),
      unsent_bytes: Count,
      since: Moment,
    }),
  ),
});

export const GET_ACTIVITY = {
  answers: {
    200: z.strictObject({
      at: Moment,
      nodes: z.array(Node),
      /** Nodes that are alive and have not shared their numbers in the last seconds. */
      silent: z.array(z.string()),
      feed: z
        .strictObject({
          webhooks: z.array(
            z.strictObject({
              id: z.string(),
              state: z.enum(["active", "paused", "ended"]),
              reason: z.string().optional(),
              lag: Duration,
              retries: Count,
              retry_age: Duration.optional(),
              failure: z.string().optional(),
            }),
          ),
          unread: z.strictObject({ lag: Duration }).optional(),
        })
        .optional(),
    }),
  },
} satisfies VerbSchemas;

export type ActivityReply = z.input<(typeof GET_ACTIVITY.answers)[200]>;
