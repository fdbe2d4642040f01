// The tables of the embedded store: which of them a migration to Redis carries, and which it does not, with what that means. A test
// compares it with the tables of a store, so that no table is forgotten. docs/OPERATIONS.md lists what is not carried.

/** Tables whose rows are carried, with all their columns except for those in `NOT_CARRIED`. */
export const CARRIED_TABLES = [
  "account",
  "api_key",
  "change",
  "charge",
  "conversation",
  "edit",
  "erasing_person",
  "erasure",
  "head",
  "mark",
  "member",
  "message",
  "reaction",
  "refresh_family",
  "revocation",
  "revoked_person",
  "webhook",
] as const;

/** The values of the table `meta` that are carried. */
export const CARRIED_VALUES = ["epoch", "had_accounts", "name_secret", "signing_keys"] as const;

/** What is not carried, in the words of the command and of the documentation. */
export interface NotCarried {
  readonly what: string;
  readonly effect: string;
  /** Tables of the embedded store. */
  readonly tables: readonly string[];
  /** Values of the table `meta`, or their beginnings. */
  readonly values?: readonly string[];
}

export const NOT_CARRIED: readonly NotCarried[] = [
  {
    what: "the events of the feed",
    effect:
      "The feed begins again from nothing. Readers of GET /events and webhooks get events.lost for the time that they had not read; failed deliveries are not repeated.",
    tables: ["event", "feed_epoch"],
    values: ["feed_floor", "event_"],
  },
  {
    what: "which optional events count as read",
    effect: "Readers of the feed and webhooks say it again when they read.",
    tables: ["wanted_event"],
  },
  {
    what: "the place up to which users were reminded of unread messages",
    effect: "message.unread is sent for what comes after the move.",
    tables: [],
    values: ["bookmark_"],
  },
  {
    what: "the ids of changes",
    effect:
      "An edit, erasure or reaction that a client repeats because it got no answer before the move is made again; the result is the same.",
    tables: ["change_id"],
  },
  {
    what: "open streams",
    effect: "They end as interrupted messages before the move, and those are carried.",
    tables: ["stream", "stream_batch", "stop_request"],
  },
  {
    what: "tickets, presence, typing, and counters of sign-ins and connections",
    effect:
      "They are in the memory of the server that was stopped: clients get new tickets and connect again.",
    tables: ["present_user"],
  },
  {
    what: "what the embedded store keeps for itself",
    effect: "None.",
    tables: ["member_news", "erased_reactions", "meta", "sqlite_sequence"],
    values: ["seed", "last_position", "written_at", "heads_to", "running_since_boot", "erasing"],
  },
];
