import { choice, integer, seconds } from "../parsers.ts";
import type { Setting } from "../setting.ts";

/** The settings of conversations and their members, as a part of the table. */
export const CONVERSATION_SETTINGS = {
  CONVERSATION_ACCESS: {
    group: "Conversations",
    kind: choice("anyone", "members"),
    about:
      "who may use a new conversation: `anyone` who knows its name and has the right, or `members`; with `members` no conversation comes to be by talking",
    default: "anyone",
  },
  CONVERSATION_CREATE: {
    group: "Conversations",
    kind: choice("anyone", "operators"),
    about: "who may make conversations with POST /conversations: `anyone`, or API keys only",
    default: "anyone",
  },
  MAX_MEMBERS: {
    group: "Conversations",
    kind: integer("count", 1, 1_000_000),
    about: "members of one conversation",
    default: "100000",
  },
  MAX_CONVERSATIONS_PER_USER: {
    group: "Conversations",
    kind: integer("count", 1, 1_000_000),
    about: "conversations to which one user belongs",
    default: "10000",
  },
  MAX_OPEN_CONVERSATIONS: {
    group: "Conversations",
    kind: integer("count", 1, 10_000),
    about: "conversations that may be open on the socket of a user at a time",
    default: "64",
    reason: "more than a person looks at, and each is present in a room",
  },
  STREAM_LEASE: {
    group: "Conversations",
    kind: seconds(1, 3600),
    about: "seconds after which a stream whose writer is gone becomes a message with the state `interrupted`",
    default: "30",
    reason: "a writer that lost its line, or was started again, is back by then",
  },
  STREAM_IDLE: {
    group: "Conversations",
    kind: seconds(1, 86_400),
    about: "seconds without an append after which a stream ends as `interrupted`",
    default: "300",
  },
  STREAM_MAX: {
    group: "Conversations",
    kind: seconds(1, 86_400),
    about: "seconds after which a stream ends as `interrupted`, however busy it is",
    default: "3600",
  },
  MAX_STREAM_BYTES: {
    group: "Conversations",
    kind: integer("bytes", 1_024, 16 * 1024 * 1024),
    about: "bytes of one stream, as JSON",
    default: "262144",
  },
  EDIT_SECONDS: {
    group: "Conversations",
    kind: seconds(0, 100 * 365 * 86_400),
    about: "seconds for which users may edit and erase their own messages; 0: without an end",
    default: "0",
  },
} as const satisfies Record<string, Setting<unknown>>;
