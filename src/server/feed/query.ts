import { isConversationPattern } from "../../core/access/grants.ts";
import { FEED_EVENT_TYPES, type FeedEventType } from "../../protocol/feed/event-types.ts";

/** What a request for events asks for. */
export interface EventsQuery {
  /** Undefined: from now on. */
  readonly after: string | undefined;
  readonly waitMs: number;
  readonly limit: number;
  readonly types: ReadonlySet<FeedEventType> | undefined;
  readonly conversations: readonly string[] | undefined;
}

const DEFAULT_LIMIT = 100;
/** Most events of one answer. */
export const MAX_EVENTS = 1_000;
/** Longest time that a request waits for the first event, in seconds. */
export const MAX_WAIT_S = 60;
/** The most names and patterns of one request: each event is compared with all of them. */
const MAX_PATTERNS = 100;

/**
 * Reads the query of `GET /events`. `problem` says what is wrong with it. `values` returns all values of a name: of `conversation` there may
 * be several.
 */
export function readEventsQuery(
  values: (name: string) => readonly string[],
): EventsQuery | { readonly problem: string } {
  const wait = readNumber(values("wait")[0], 0, MAX_WAIT_S) ?? 0;
  if (typeof wait === "string") return { problem: `\`wait\`: ${wait}` };
  const limit = readNumber(values("limit")[0], 1, MAX_EVENTS) ?? DEFAULT_LIMIT;
  if (typeof limit === "string") return { problem: `\`limit\`: ${limit}` };
  const [list] = values("types");
  const types = list === undefined ? undefined : readEventTypes(list);
  if (typeof types === "string") return { problem: `\`types\`: ${types}` };
  const conversations = values("conversation");
  const wrong = explainPatterns(conversations);
  if (wrong !== undefined) return { problem: `\`conversation\`: ${wrong}` };
  return {
    after: values("after")[0],
    waitMs: wait * 1_000,
    limit,
    types,
    conversations: conversations.length === 0 ? undefined : conversations,
  };
}

/** Reads a list of types with commas between; `member.*` is all that begin with `member.`. Returns a sentence where one is unknown. */
export function readEventTypes(list: string): ReadonlySet<FeedEventType> | string {
  const types = new Set<FeedEventType>();
  for (const name of list.split(",").map((text) => text.trim())) {
    const named = FEED_EVENT_TYPES.filter((type) =>
      name.endsWith(".*") ? type.startsWith(name.slice(0, -1)) : type === name,
    );
    if (named.length === 0)
      return "must be types of events with commas between, such as `message.created,member.*`.";
    for (const type of named) types.add(type);
  }
  return types;
}

/** Says what is wrong with names and patterns of conversations; undefined for nothing. */
export function explainPatterns(patterns: readonly string[]): string | undefined {
  if (patterns.length > MAX_PATTERNS) return `must be there at most ${MAX_PATTERNS} times.`;
  return patterns.every(isConversationPattern)
    ? undefined
    : "must be the name of a conversation, or a beginning with `*` after it, such as `team-*`.";
}

function readNumber(text: string | undefined, min: number, max: number): number | string | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : `must be a whole number from ${min} to ${max}.`;
}
